// Listens with net/http alone, for ever, and prints what comes, one JSON value a line (`at` in ns since 1970):
// ["open", at], ["event", at, id, type, data], ["error", at, text]
//
//	listen URL
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// What the server asks for by `retry:`.
const retry = 50 * time.Millisecond

func say(what string, rest ...any) {
	line, err := json.Marshal(append([]any{what, time.Now().UnixNano()}, rest...))
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// Reads one stream to its end, and returns the id to come back with.
func listen(url, last string) (string, error) {
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return last, err
	}
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return last, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return last, fmt.Errorf("status %d", response.StatusCode)
	}
	say("open")

	id, kind, data := last, "", []string(nil)
	reader := bufio.NewReader(response.Body)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return last, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			last = id
			if kind == "" {
				kind = "message"
			}
			if data != nil {
				say("event", last, kind, strings.Join(data, "\n"))
			}
			kind, data = "", nil
		case name == "id":
			id = value
		case name == "event":
			kind = value
		case name == "data":
			data = append(data, value)
		}
	}
}

func main() {
	last := ""
	for {
		var err error
		last, err = listen(os.Args[1], last)
		say("error", err.Error())
		time.Sleep(retry)
	}
}
