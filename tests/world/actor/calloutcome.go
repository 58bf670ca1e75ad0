package main

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
)

// How a request can end. The list is closed: the ledger refuses any other word.
const (
	outcomeOK        = "ok"
	outcomeStatus    = "status"     // a whole answer that says no
	outcomeRefused   = "refused"    // no connection came about
	outcomeReset     = "reset"      // the connection ended before the answer began
	outcomeTimeout   = "timeout"    // no whole answer in the request's own time
	outcomeTruncated = "truncated"  // the answer began and broke off
	outcomeWrongBody = "wrong-body" // a whole answer, but to something else
	outcomeNotSent   = "not-sent"   // nothing left the client
)

// ending is how one request ended.
type ending struct {
	Outcome string
	Status  int
	Detail  string
}

var answered = ending{Outcome: outcomeOK}

// ownLimits are failures to connect that are the client's own: the other side saw nothing.
var ownLimits = []error{syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE}

// failed says how a request ended that failed with err, before or after its answer began.
func failed(err error, began bool) ending {
	return ending{Outcome: failureOf(err, began), Detail: err.Error()}
}

func failureOf(err error, began bool) string {
	var network *net.OpError
	isOp := errors.As(err, &network)
	for _, own := range ownLimits {
		if isOp && network.Op == "dial" && errors.Is(err, own) {
			return outcomeNotSent
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		isOp && network.Timeout():
		return outcomeTimeout
	case isOp && network.Op == "dial":
		return outcomeRefused
	case strings.Contains(err.Error(), "malformed HTTP"):
		return outcomeWrongBody
	case began:
		return outcomeTruncated
	}
	return outcomeReset
}
