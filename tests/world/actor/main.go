// Command actor is the one program that plays every workload in the tests: a server whose
// protocols, probes, CPU and memory are told to it, and the client that calls it.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// commands holds what the program can be started as. Each file adds its own in init, takes the
// arguments after the name and returns the exit code.
var commands = map[string]func([]string) int{}

// exitUsage is what sysexits.h calls EX_USAGE: the command line makes no sense.
const exitUsage = 64

func main() {
	if len(os.Args) > 1 {
		if run, known := commands[os.Args[1]]; known {
			os.Exit(run(os.Args[2:]))
		}
	}
	names := strings.Join(slices.Sorted(maps.Keys(commands)), "|")
	fmt.Fprintf(os.Stderr, "usage: actor %s [flags]\n", names)
	os.Exit(exitUsage)
}
