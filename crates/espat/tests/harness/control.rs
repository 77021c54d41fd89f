//! The simulator's control port: one line, one answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::TIMEOUT;

/// An open control port.
#[derive(Debug)]
pub(crate) struct Control(BufReader<TcpStream>);

impl Control {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the control port");
        stream.set_read_timeout(Some(TIMEOUT)).expect("supported");
        Self(BufReader::new(stream))
    }

    /// The answer to a line.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        writeln!(self.0.get_mut(), "{line}").expect("it takes lines");
        let mut answer = String::new();
        self.0.read_line(&mut answer).expect("an answer in time");
        answer.trim_end().to_owned()
    }
}
