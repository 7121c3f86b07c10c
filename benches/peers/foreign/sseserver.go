// A server of the module imported below, with a publisher in its process that does as the harness says:
// lines on stdin, answers on stdout.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	sseserver "example.org/peer"
)

// A publisher that has slept publishes what became due meanwhile.
const nap = 100 * time.Microsecond

// How much longer than planned publishing may take.
const overtime = 2

func main() {
	server := sseserver.NewServer()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, server)) }()
	publish := func(data string) {
		server.Broadcast <- sseserver.SSEMessage{Data: []byte(data), Namespace: "/time"}
	}

	fmt.Println("serving", listener.Addr())
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		if orders.Text() == "prime" {
			publish("to open a stream")
			continue
		}
		var count, start int64
		var interval float64
		if _, err := fmt.Sscanf(orders.Text(), "publish %d %g %d", &count, &interval, &start); err != nil {
			log.Fatal(err)
		}
		fmt.Println("published", carryOut(count, interval, start, publish))
	}
}

// carryOut publishes message n at start + n * interval, late or not, and gives how many it published.
func carryOut(count int64, interval float64, start int64, publish func(string)) int64 {
	giveUp := start + int64(float64(count)*interval*overtime)
	var number int64
	for now := time.Now().UnixNano(); number < count && now < giveUp; now = time.Now().UnixNano() {
		due := start + int64(float64(number)*interval)
		if due > now {
			time.Sleep(max(time.Duration(due-now), nap))
			continue
		}
		publish(fmt.Sprintf("n=%014d", number))
		number++
	}
	return number
}
