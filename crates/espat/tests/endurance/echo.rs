//! Peers that send back whatever they get, over TCP, TLS and UDP, for as long as the program runs.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConnection, StreamOwned};

use crate::pki;

/// A TCP server.
pub(crate) fn tcp() -> SocketAddr {
    serve(back_and_forth)
}

/// A TLS server with the certificate of [`pki`].
pub(crate) fn tls() -> SocketAddr {
    let config = pki::server(false);
    serve(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("a good configuration");
        back_and_forth(StreamOwned::new(session, stream));
    })
}

/// A UDP socket.
pub(crate) fn udp() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");
    thread::spawn(move || {
        let mut datagram = [0; 65536];
        while let Ok((count, from)) = socket.recv_from(&mut datagram) {
            let answer = datagram.get(..count).unwrap_or_default();
            socket.send_to(answer, from).expect("it is sent");
        }
    });
    address
}

/// A client of the modem's server.
pub(crate) fn client(port: u16) {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the modem listens");
    stream.set_nodelay(true).expect("supported");
    thread::spawn(move || back_and_forth(stream));
}

fn serve(attend: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_nodelay(true).expect("supported");
            let attend = attend.clone();
            thread::spawn(move || attend(stream));
        }
    });
    address
}

/// Until the other side has closed the connection.
fn back_and_forth(mut stream: impl Read + Write) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        let answer = bytes.get(..count).unwrap_or_default();
        let sent: io::Result<()> = stream.write_all(answer).and_then(|()| stream.flush());
        if sent.is_err() {
            return;
        }
    }
}
