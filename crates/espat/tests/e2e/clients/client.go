// Connects to a server of the modem, sends a line, prints the answer, and waits for the end.
//
// Arguments: port, CA, version as 1.2; and where there is a certificate, its file and that of its key.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
)

// Shown whatever CAs the server names.
var own tls.Certificate

func shows(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return &own, nil
}

func main() {
	// An interpreter's own name, its command and this file come first.
	args := os.Args[3:]
	ca, err := os.ReadFile(args[1])
	check(err)
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(ca) {
		panic("no CA")
	}
	version := uint16(tls.VersionTLS12)
	if args[2] == "1.3" {
		version = tls.VersionTLS13
	}
	config := &tls.Config{RootCAs: trusted, ServerName: "broker.local", MinVersion: version, MaxVersion: version}
	if len(args) > 4 {
		own, err = tls.LoadX509KeyPair(args[3], args[4])
		check(err)
		config.GetClientCertificate = shows
	}
	session, err := tls.Dial("tcp", "127.0.0.1:"+args[0], config)
	check(err)
	_, err = session.Write([]byte("hello\n"))
	check(err)
	in := bufio.NewReader(session)
	line, err := in.ReadString('\n')
	check(err)
	fmt.Print(line)
	// An end without close_notify is another error.
	_, err = in.ReadByte()
	if err != io.EOF {
		panic(fmt.Sprint("no end: ", err))
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
