package cmd

import "github.com/spf13/cobra"

func newShowLogs(a *app) *cobra.Command { return &cobra.Command{Use: "show-logs"} }
func newDoctor(a *app) *cobra.Command   { return &cobra.Command{Use: "doctor"} }
