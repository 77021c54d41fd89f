//! Ports over real sockets, terminals and pipes.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;

use futures_lite::future::{poll_once, zip};

use super::*;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    async_io::block_on(future)
}

fn listen() -> (Port, SocketAddr) {
    let port = Port::open(&Choice::Listen((Ipv4Addr::LOCALHOST, 0).into())).unwrap();
    let address = port.local_addr().unwrap();
    (port, address)
}

async fn next(port: &mut Port) -> (Rx, Tx) {
    port.accept().await.unwrap().unwrap()
}

/// Reads exactly `length` bytes, two at a time.
async fn take(rx: &mut Rx, length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < length {
        let mut bytes = [0; 2];
        let room = (length - all.len()).min(2);
        match rx.read(&mut bytes[..room]).await.unwrap() {
            0 => break,
            got => all.extend_from_slice(&bytes[..got]),
        }
    }
    all
}

/// Every byte value, and the ones terminals like to change.
fn all_bytes() -> Vec<u8> {
    (0..=u8::MAX)
        .chain(*b"\r\n\x03\x04\x11\x13\x1a\x7f\r\r\n\n")
        .collect()
}

#[test]
fn a_listener_says_where_it_really_listens() {
    let (port, address) = listen();
    assert_ne!(address.port(), 0);
    assert_eq!(port.announcement(), Some(format!("listening on {address}")));
    let error = Port::open(&Choice::Listen(address)).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
}

#[test]
fn a_client_sends_receives_and_hangs_up() {
    let (mut port, address) = listen();
    let mut client = TcpStream::connect(address).unwrap();
    block_on(async {
        let (mut rx, mut tx) = next(&mut port).await;
        assert!(poll_once(rx.read(&mut [0])).await.is_none());
        client.write_all(&all_bytes()).unwrap();
        assert_eq!(take(&mut rx, all_bytes().len()).await, all_bytes());

        tx.write_all(&all_bytes()).await.unwrap();
        tx.flush().await.unwrap();
        let mut got = vec![0; all_bytes().len()];
        client.read_exact(&mut got).unwrap();
        assert_eq!(got, all_bytes());

        client.write_all(b"AT").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(take(&mut rx, 9).await, b"AT");
        assert_eq!(rx.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(
            rx.read(&mut [0; 4]).await.unwrap(),
            0,
            "the end stays the end"
        );

        // The other direction is still open, until the modem ends it.
        tx.write_all(b"OK").await.unwrap();
        drop(tx);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"OK");
    });
}

#[test]
fn a_read_and_a_write_wait_at_the_same_time() {
    let (mut port, address) = listen();
    let mut client = TcpStream::connect(address).unwrap();
    let echo = std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 20];
        client.read_exact(&mut bytes).unwrap();
        client.write_all(&bytes).unwrap();
    });
    let sent: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let got = block_on(async {
        let (mut rx, mut tx) = next(&mut port).await;
        let (got, written) = zip(take(&mut rx, sent.len()), tx.write_all(&sent)).await;
        written.unwrap();
        got
    });
    assert!(got == sent);
    echo.join().unwrap();
}

#[test]
fn a_second_client_waits_until_the_first_is_gone() {
    let (mut port, address) = listen();
    let mut first = TcpStream::connect(address).unwrap();
    let mut second = TcpStream::connect(address).unwrap();
    second.write_all(b"second").unwrap();
    block_on(async {
        let (mut rx, tx) = next(&mut port).await;
        first.write_all(b"first").unwrap();
        assert_eq!(take(&mut rx, 5).await, b"first");
        second.set_nonblocking(true).unwrap();
        let nothing = second.read(&mut [0]).unwrap_err();
        assert_eq!(
            nothing.kind(),
            io::ErrorKind::WouldBlock,
            "it is neither answered nor refused"
        );
        drop(first);
        assert_eq!(rx.read(&mut [0]).await.unwrap(), 0);
        drop((rx, tx));

        let (mut rx, _tx) = next(&mut port).await;
        assert_eq!(take(&mut rx, 6).await, b"second");
    });
}

#[test]
fn a_client_that_left_while_it_waited_is_served_what_it_sent() {
    let (mut port, address) = listen();
    TcpStream::connect(address)
        .unwrap()
        .write_all(b"AT\r\n")
        .unwrap();
    drop(TcpStream::connect(address).unwrap());
    let _third = TcpStream::connect(address).unwrap();
    block_on(async {
        let (mut rx, _) = next(&mut port).await;
        assert_eq!(take(&mut rx, 9).await, b"AT\r\n");
        let (mut rx, _) = next(&mut port).await;
        assert_eq!(rx.read(&mut [0]).await.unwrap(), 0);
        let (mut rx, _tx) = next(&mut port).await;
        assert!(poll_once(rx.read(&mut [0])).await.is_none());
    });
}

#[test]
fn a_client_that_broke_off_is_the_end_of_input() {
    let (mut port, address) = listen();
    let client = TcpStream::connect(address).unwrap();
    block_on(async {
        let (mut rx, mut tx) = next(&mut port).await;
        tx.write_all(b"unread").await.unwrap();
        // Closing with unread bytes makes the kernel send a reset.
        client.peek(&mut [0]).unwrap();
        drop(client);
        assert_eq!(rx.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(
            tx.write_all(b"more").await.unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    });
}

fn host(path: &Path) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

fn terminal(port: &Port) -> PathBuf {
    port.announcement()
        .unwrap()
        .strip_prefix("pty ")
        .unwrap()
        .into()
}

#[test]
fn a_terminal_passes_every_byte_both_ways_and_survives_being_closed() {
    let mut port = Port::open(&Choice::Pty(None)).unwrap();
    let path = terminal(&port);
    block_on(async {
        let (mut rx, mut tx) = next(&mut port).await;
        tx.write_all(b"\r\nready\r\n").await.unwrap();
        for round in 0..3 {
            let mut host = host(&path);
            if round == 0 {
                let mut ready = [0; 9];
                host.read_exact(&mut ready).unwrap();
                assert_eq!(&ready, b"\r\nready\r\n", "it waited for the first opener");
            }
            host.write_all(&all_bytes()).unwrap();
            assert_eq!(take(&mut rx, all_bytes().len()).await, all_bytes());
            tx.write_all(&all_bytes()).await.unwrap();
            let mut got = vec![0; all_bytes().len()];
            host.read_exact(&mut got).unwrap();
            assert_eq!(got, all_bytes());
            drop(host);
            assert!(
                poll_once(rx.read(&mut [0])).await.is_none(),
                "a UART has no end"
            );
        }
    });
}

#[test]
fn a_terminals_link_is_made_replaced_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("modem");
    let choice = Choice::Pty(Some(link.clone()));

    let port = Port::open(&choice).unwrap();
    assert_eq!(std::fs::read_link(&link).unwrap(), terminal(&port));
    host(&link).write_all(b"AT").unwrap();

    // The name moves to the newer port and stays when the older one goes.
    let newer = Port::open(&choice).unwrap();
    port.finish();
    assert_eq!(std::fs::read_link(&link).unwrap(), terminal(&newer));
    newer.finish();
    assert!(std::fs::symlink_metadata(&link).is_err());

    let obstacles: [&dyn Fn() -> io::Result<()>; 3] = [
        &|| std::fs::write(&link, "precious"),
        &|| std::os::unix::fs::symlink("precious", &link),
        &|| std::fs::create_dir(&link),
    ];
    for make in obstacles {
        make().unwrap();
        let error = Port::open(&choice).unwrap_err().to_string();
        assert!(
            error.contains("exists and is not a link to a terminal"),
            "{error}"
        );
        assert!(std::fs::symlink_metadata(&link).is_ok());
        std::fs::remove_file(&link)
            .or_else(|_| std::fs::remove_dir(&link))
            .unwrap();
    }
    let nowhere = Choice::Pty(Some(folder.path().join("no/such/folder")));
    assert!(
        Port::open(&nowhere)
            .unwrap_err()
            .to_string()
            .starts_with("cannot make the link")
    );
}

/// A port whose standard input and output are pipes, with our ends of them.
fn piped() -> (Port, io::PipeWriter, io::PipeReader) {
    let (input, to_modem) = io::pipe().unwrap();
    let (from_modem, output) = io::pipe().unwrap();
    let (stream, output) = stdio::bridge(input, output).unwrap();
    let wire = Some(Rc::new(Wire::Stdio(stream)));
    (
        Port {
            kind: Endpoint::Stdio { wire, output },
            bench: Bench::default(),
            tape: None,
        },
        to_modem,
        from_modem,
    )
}

#[test]
fn standard_input_and_output_serve_one_host_to_the_last_byte() {
    let (mut port, mut input, mut output) = piped();
    assert_eq!(port.announcement(), None);
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        output.read_to_end(&mut all).unwrap();
        all
    });
    let long = all_bytes().repeat(1000);
    block_on(async {
        let (mut rx, mut tx) = next(&mut port).await;
        input.write_all(&all_bytes()).unwrap();
        assert_eq!(take(&mut rx, all_bytes().len()).await, all_bytes());
        drop(input);
        assert_eq!(rx.read(&mut [0]).await.unwrap(), 0);
        tx.write_all(&long).await.unwrap();
        drop((rx, tx));
        assert!(
            port.accept().await.unwrap().is_none(),
            "there is no second host"
        );
    });
    port.finish();
    assert!(reader.join().unwrap() == long);
}

#[test]
fn closed_standard_output_is_an_error_of_a_write() {
    let (mut port, _input, output) = piped();
    drop(output);
    block_on(async {
        let (mut rx, mut tx) = next(&mut port).await;
        let error = loop {
            if let Err(error) = tx.write_all(&[0; 1000]).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(rx.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn a_burst_is_taken_ring_by_ring_and_the_rest_waits() {
    let (mut port, address) = listen();
    let mut client = TcpStream::connect(address).unwrap();
    let burst: Vec<u8> = all_bytes().into_iter().cycle().take(3 * RING).collect();
    client.write_all(&burst).unwrap();
    block_on(async {
        let (mut rx, _tx) = next(&mut port).await;
        let mut got = Vec::new();
        let mut bytes = vec![0; 3 * RING];
        while got.len() < burst.len() {
            let count = rx.read(&mut bytes).await.unwrap();
            assert!((1..=RING).contains(&count), "{count}");
            got.extend_from_slice(&bytes[..count]);
        }
        assert!(got == burst);
        // What the modem has not taken when its power goes is gone with it.
        client.write_all(b"abc").unwrap();
        assert_eq!(rx.read(&mut bytes[..1]).await.unwrap(), 1);
        rx.clear();
        client.write_all(b"d").unwrap();
        assert_eq!(rx.read(&mut bytes).await.unwrap(), 1);
        assert_eq!(bytes.first(), Some(&b'd'));
    });
}
