package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

func init() { commands["pause"] = runPause }

// runPause waits for a signal to stop and reaps every orphan meanwhile: the first program of a
// pod, which holds its namespaces.
func runPause([]string) int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for got := range signals {
		if got != syscall.SIGCHLD {
			return 0
		}
		reap()
	}
	return 0
}

// reap collects every child that has ended; one SIGCHLD may stand for several.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}
