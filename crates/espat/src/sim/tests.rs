//! The wiring: arguments to machine, hosts one after the other, and the end.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn args(line: &str) -> Args {
    let words = std::iter::once("sim").chain(line.split_whitespace());
    Command::try_parse_from(words).unwrap().args
}

#[test]
fn maps_that_contradict_each_other_are_wrong_usage() {
    let error = Machine::new(&args("--map a:1=127.0.0.1:1 --map a:1=127.0.0.1:2")).unwrap_err();
    assert_eq!(error.to_string(), "--map: a:1 is mapped twice");
    assert_eq!(report::finish(Err(error), false), Outcome::Usage);
}

#[test]
fn a_port_that_cannot_be_opened_is_refused_with_its_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = run(&args(&format!("--listen {address}"))).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
}

#[test]
fn it_ends_on_request() {
    let outcome = async_io::block_on(run_until(&args("--listen 127.0.0.1:0"), async {}));
    assert_eq!(outcome.unwrap(), Outcome::Done);
}

#[test]
fn hosts_are_served_one_after_the_other() {
    let machine = Machine::new(&args("")).unwrap();
    let choice = args("--listen 127.0.0.1:0").port();
    let mut port = Port::open(&choice).unwrap();
    let address = port.local_addr().unwrap();
    let hosts = std::thread::spawn(move || {
        for _ in 0..3 {
            let mut host = TcpStream::connect(address).unwrap();
            host.write_all(b"AT\r\n").unwrap();
            host.shutdown(Shutdown::Write).unwrap();
            let mut reply = Vec::new();
            host.read_to_end(&mut reply).unwrap();
            assert!(!reply.is_empty());
        }
    });
    async_io::block_on(async {
        let (sender, done) = async_io::Async::<std::os::unix::net::UnixStream>::pair().unwrap();
        let waits = std::thread::spawn(move || {
            hosts.join().unwrap();
            drop(sender);
        });
        let stopped = async {
            done.readable().await.unwrap();
            Ok(())
        };
        or(operate(&machine, &mut port, || ()), stopped)
            .await
            .unwrap();
        waits.join().unwrap();
    });
}
