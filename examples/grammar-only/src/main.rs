//! AT lines parsed and written with no modem: what `at-grammar` does when it is all you take.
//!
//! ```text
//! grammar-only                             both directions, step by step
//! grammar-only 'AT+CWMODE=1' 'AT+FAKE'     what a modem would understand
//! grammar-only - < lines.txt               the same, a line each from standard input
//! ```
//!
//! `AT+CIPMUX=1` among the lines is obeyed: from there on, links have numbers.
//! Exit status 1 says that a line was refused.

use at_grammar::commands::tcpip::TcpipCommand;
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use at_grammar::commands::tcpip::{OpenLink, Opening};
use at_grammar::types::{Family, HostName, Port};
use at_grammar::{Command, Event, LinkId, Mux, Progress, Reply, ReplyParser, Sink, parse_line};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let mut reader = LineReader::new();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => tour(&mut out)?,
        [dash] if dash == "-" => {
            // Bytes, not text: a network name need not be UTF-8.
            for line in io::stdin().lock().split(b'\n') {
                let line = line?;
                reader.read(line.strip_suffix(b"\r").unwrap_or(&line), &mut out)?;
            }
        }
        lines => {
            for line in lines {
                reader.read(line.as_bytes(), &mut out)?;
            }
        }
    }
    Ok(if reader.refused {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The modem's side: lines become commands.
struct LineReader {
    mux: Mux,
    refused: bool,
}

impl LineReader {
    const fn new() -> Self {
        Self {
            mux: Mux::Single,
            refused: false,
        }
    }

    /// Prints what `line` is, or the error word a modem would print.
    fn read(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        match parse_line(line, self.mux) {
            Ok(command) => {
                writeln!(out, "{}  ->  {command:?}", line.escape_ascii())?;
                if let Command::Tcpip(TcpipCommand::CipmuxSet(mux)) = command {
                    self.mux = mux;
                }
            }
            Err(error) => {
                self.refused = true;
                writeln!(
                    out,
                    "{}  ->  ERR CODE:{} ({error})",
                    line.escape_ascii(),
                    error.error_word()
                )?;
            }
        }
        Ok(())
    }
}

/// Both directions, from types and back to types.
fn tour(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    // Host: a command as a value. What is not a host name or a port cannot be said.
    let command = Command::Tcpip(TcpipCommand::CipstartSet(OpenLink {
        link: Some(LinkId::ZERO),
        family: Family::V4,
        opening: Opening::Ssl { keep_alive: None },
        host: HostName::new("example.com")?,
        port: Port::new(443).ok_or("0 is not a port")?,
        local_ip: None,
        timeout: None,
    }));
    let mut line = Vec::new();
    command.write_line(&mut line)?;
    writeln!(out, "host writes   {}", line.escape_ascii())?;

    // Modem: the same value comes out of the line.
    let understood = parse_line(line.trim_ascii_end(), Mux::Multiple)?;
    writeln!(out, "modem reads   {understood:?}")?;
    if understood != command {
        return Err("the line does not say what was meant".into());
    }

    // Modem: replies carry their own CRs and LFs; data follow a header as they are.
    let mut stream = Vec::new();
    Reply::Connect(Some(LinkId::ZERO)).write_to(&mut stream)?;
    Reply::Ok.write_to(&mut stream)?;
    Reply::Ipd(at_grammar::reply::Ipd {
        link: Some(LinkId::ZERO),
        len: 4,
        remote: None,
    })
    .write_to(&mut stream)?;
    stream.put(b"OK\r\n")?;
    Reply::Closed(Some(LinkId::ZERO)).write_to(&mut stream)?;
    writeln!(out, "modem writes  {}", stream.escape_ascii())?;

    // Host: the stream may be cut anywhere; here it arrives three bytes at a time.
    let mut parser = ReplyParser::new();
    let mut received = Vec::new();
    for piece in stream.chunks(3) {
        received.extend_from_slice(piece);
        loop {
            match parser.next(&received) {
                Progress::Event { event, consumed } => {
                    match event {
                        Event::Data(data) => {
                            writeln!(out, "host reads    data \"{}\"", data.escape_ascii())?;
                        }
                        event => writeln!(out, "host reads    {event:?}")?,
                    }
                    received.drain(..consumed);
                }
                Progress::NeedMore { consumed } => {
                    received.drain(..consumed);
                    break;
                }
            }
        }
    }
    Ok(())
}
