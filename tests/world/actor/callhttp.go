package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// httpMessage is a request and the body of its right answer; an empty one stands for any.
type httpMessage struct {
	*http.Request
	id     string
	answer string
}

func newHTTPMessage(ctx context.Context, one request, size int) (httpMessage, error) {
	text := ""
	if one.Method == http.MethodPost || one.Method == http.MethodPut {
		text = filled(one.ID, size)
	}
	url := "http://" + one.Target + one.Path
	made, err := http.NewRequestWithContext(ctx, one.Method, url, strings.NewReader(text))
	if err != nil {
		return httpMessage{}, err
	}
	made.Header.Set(requestIDHeader, one.ID)
	made.Header.Set("User-Agent", one.Agent)
	answer := text
	if answer == "" {
		answer = one.ID + "\n"
	}
	if one.Method == http.MethodHead || made.URL.RawQuery != "" ||
		pathClass(made.URL.Path) != "business" {
		answer = ""
	}
	return httpMessage{made, one.ID, answer}, nil
}

// filled returns the id repeated to exactly size bytes: a body that belongs to one request only.
func filled(id string, size int) string {
	return strings.Repeat(id+" ", size/(len(id)+1)+1)[:size]
}

// judge reads an answer to its end and compares it with what the actor answers.
func (m httpMessage) judge(answer *http.Response) ending {
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(answer.Body, int64(len(m.answer))+1))
	rest, failure := io.Copy(io.Discard, answer.Body)
	if err == nil {
		err = failure
	}
	if err != nil {
		end := failed(err, true)
		end.Status = answer.StatusCode
		return end
	}
	end := ending{Outcome: outcomeOK, Status: answer.StatusCode}
	named := answer.Header.Get(requestIDHeader)
	switch {
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		end.Outcome = outcomeStatus
	case named != m.id:
		end.Outcome, end.Detail = outcomeWrongBody, fmt.Sprintf("the answer names %q", named)
	case m.answer != "" && string(got) != m.answer:
		end.Outcome = outcomeWrongBody
		length := int64(len(got)) + rest
		end.Detail = fmt.Sprintf("%d bytes for %d, or others", length, len(m.answer))
	}
	return end
}
