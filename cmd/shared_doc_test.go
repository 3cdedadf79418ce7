package cmd_test

import (
	"fmt"
	"strings"
	"testing"

	"gossipctl/membership"
	"gossipctl/protocol"
	"gossipctl/workload"
)

// docs/membership.md has a section for each membership, and lists all settings as the program has them.
func TestMembershipDocIsTrue(t *testing.T) {
	var b strings.Builder
	b.WriteString("| membership | what it does | follows |\n|---|---|---|\n")
	kinds := append([]membership.Kind{membership.Acquainted()}, membership.Table()...)
	kinds[0].Name = membership.None // as it is called on the command line
	for _, k := range kinds {
		fmt.Fprintf(&b, "| [`%s`](#%[1]s) | %s | %s |\n", k.Name, k.Summary, k.Follows)
	}
	b.WriteString("\nSettings, which `--membership-set key=value` overrides:\n\n| setting | of | default | bounds | unit | why this default |\n|---|---|---|---|---|---|\n")
	var names []string
	rows, of := make(map[string]string), make(map[string][]string)
	for _, k := range kinds {
		for _, s := range k.Settings {
			unit := s.Unit
			if s.Type == protocol.Choice || s.Type == protocol.Switch || s.Type == protocol.Duration {
				unit = "" // the bounds say it
			}
			row := fmt.Sprintf("%s | %s | %s | %s |", s.Text(s.Default), s.Bounds(), unit, s.Why)
			name := s.Name
			if old, is := rows[name]; is && old != row {
				name += " (" + k.Name + ")" // the same word with another default
			}
			if _, is := rows[name]; !is {
				names, rows[name] = append(names, name), row
			}
			of[name] = append(of[name], k.Name)
		}
	}
	for _, name := range names {
		plain, _, _ := strings.Cut(name, " ")
		fmt.Fprintf(&b, "| `%s` | %s | %s\n", plain, strings.Join(of[name], ", "), rows[name])
	}
	keep(t, "../docs/membership.md", "memberships", "TestMembershipDoc", b.String())
}

// docs/state.md lists the workloads there are.
func TestWorkloadDocIsTrue(t *testing.T) {
	var b strings.Builder
	b.WriteString("| workload | what it does | default interval |\n|---|---|---|\n")
	for _, k := range workload.Table() {
		fmt.Fprintf(&b, "| `%s` | %s | %v |\n", k.Name, k.Summary, k.Every)
	}
	keep(t, "../docs/state.md", "workloads", "TestWorkloadDoc", b.String())
}
