// Listens by one library, for ever, and prints what it hands out, one JSON value a line (`at` in ns since 1970):
// ["event", at, id, type, data], ["error", at, text]
//
//	listen CLIENT URL
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	donovanhide "github.com/donovanhide/eventsource"
	launchdarkly "github.com/launchdarkly/eventsource"
	r3labs "github.com/r3labs/sse/v2"
	tmaxmax "github.com/tmaxmax/go-sse"
	"gopkg.in/cenkalti/backoff.v1"
)

const (
	// What the server asks for by `retry:`.
	retry = 50 * time.Millisecond
	// By default two of them take no lines of 64 KiB.
	longestLine = 1 << 20
)

func say(what string, rest ...any) {
	line, err := json.Marshal(append([]any{what, time.Now().UnixNano()}, rest...))
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func event(id, kind, data string) {
	if kind == "" {
		kind = "message"
	}
	say("event", id, kind, data)
}

func byDonovanhide(url string) error {
	stream, err := donovanhide.Subscribe(url, "")
	if err != nil {
		return err
	}
	for {
		select {
		case got := <-stream.Events:
			event(got.Id(), got.Event(), got.Data())
		case err := <-stream.Errors:
			say("error", err.Error())
		}
	}
}

func byLaunchdarkly(url string) error {
	stream, err := launchdarkly.SubscribeWithURL(url)
	if err != nil {
		return err
	}
	for {
		select {
		case got := <-stream.Events:
			event(got.Id(), got.Event(), got.Data())
		case err := <-stream.Errors:
			say("error", err.Error())
		}
	}
}

// Made once, since it keeps the last id; it comes back by itself after an error, but not after an end.
var r3labsClient *r3labs.Client

func byR3labs(url string) error {
	if r3labsClient == nil {
		r3labsClient = r3labs.NewClient(url, r3labs.ClientMaxBufferSize(longestLine))
		r3labsClient.ReconnectStrategy = backoff.NewConstantBackOff(retry)
		r3labsClient.ReconnectNotify = func(err error, _ time.Duration) { say("error", err.Error()) }
	}
	err := r3labsClient.SubscribeRaw(func(got *r3labs.Event) {
		event(string(got.ID), string(got.Event), string(got.Data))
	})
	if err == nil {
		err = errors.New("the stream ended")
	}
	return err
}

func byTmaxmax(url string) error {
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return err
	}
	client := tmaxmax.Client{OnRetry: func(err error, _ time.Duration) { say("error", err.Error()) }}
	connection := client.NewConnection(request)
	connection.Buffer(nil, longestLine)
	connection.SubscribeToAll(func(got tmaxmax.Event) { event(got.LastEventID, got.Type, got.Data) })
	return connection.Connect()
}

func main() {
	listen := map[string]func(string) error{
		"donovanhide": byDonovanhide, "launchdarkly": byLaunchdarkly, "r3labs": byR3labs, "tmaxmax": byTmaxmax,
	}[os.Args[1]]
	for {
		say("error", listen(os.Args[2]).Error())
		time.Sleep(retry)
	}
}
