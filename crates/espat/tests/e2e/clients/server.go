// A TLS server that resumes: answers every line with whether its session was resumed, as 1 or 0, and the line.
//
// Arguments: address, certificate, key, "tickets" or "none". A line of standard input names the keys for tickets from
// then on, the newest first, one letter each; it is printed when it holds.
package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"os"
)

func main() {
	// An interpreter's own name, its command and this file come first.
	args := os.Args[3:]
	own, err := tls.LoadX509KeyPair(args[1], args[2])
	check(err)
	config := &tls.Config{Certificates: []tls.Certificate{own}, SessionTicketsDisabled: args[3] == "none"}
	plain, err := net.Listen("tcp", args[0])
	check(err)
	fmt.Println("listening on", plain.Addr())
	go serve(tls.NewListener(plain, config))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		keys := [][32]byte{}
		for _, letter := range []byte(in.Text()) {
			key := [32]byte{letter}
			keys = append(keys, key)
		}
		config.SetSessionTicketKeys(keys)
		fmt.Println("keys", in.Text())
	}
}

func serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		check(err)
		go answer(client.(*tls.Conn))
	}
}

func answer(client *tls.Conn) {
	defer client.Close()
	in := bufio.NewReader(client)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		resumed := 0
		if client.ConnectionState().DidResume {
			resumed = 1
		}
		fmt.Fprintf(client, "%d%s", resumed, line)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
