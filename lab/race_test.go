//go:build race

package lab

func init() { raced = true }
