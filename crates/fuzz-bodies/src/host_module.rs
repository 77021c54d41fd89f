//! The tools of the host, and a module that says anything.

use std::cmp;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use cert_bin::PartitionRole;
use espat::at_host::Port;
use espat::explain;
use espat::push;

use crate::take::Take;

/// Answers that get somewhere.
const ANSWERS: &[&[u8]] = &[
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"\r\n>",
    b"\r\nOK\r\n\r\n>",
    b"\r\nready\r\n",
    b"ERR CODE:0x010a0004\r\n",
    b"+SYSFLASH:\"client_ca\",64,1,0x1f000,0x1000\r\n",
    b"+SYSFLASH:\"mfg_nvs\",1,2,0x1f000,0x1f000\r\n",
    b"+SYSFLASH:\"client_ca\",64,1,0xffffffff,0xffffffff\r\n",
    b"+SYSFLASH:4096,",
    b"+SYSFLASH:8,",
    b"+SYSFLASH:18446744073709551615,",
    b"+SYSMFG:\"client_ca\",\"client_ca.0\",8\r\n",
    b"+SYSMFG:\"client_ca\",\"client_ca.0\",8,600,",
    b"AT version:3.2.0.0(s-ec2dec2 - ESP32C2)\r\n",
    b"+IPD,0,4\r\n",
    b"AT\r\r\n",
];

/// What a module says each time that it is listened to, until it is gone.
#[derive(Debug)]
struct Module {
    /// The last of them comes first.
    says: Vec<Vec<u8>>,
}

impl Read for Module {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(next) = self.says.last_mut() else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let count = cmp::min(next.len(), into.len());
        into[..count].copy_from_slice(&next[..count]);
        next.drain(..count);
        if next.is_empty() {
            self.says.pop();
        }
        Ok(count)
    }
}

impl Write for Module {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn answer(take: &mut Take<'_>) -> Vec<u8> {
    let how = take.u8();
    let answer = match how & 7 {
        0 => {
            let count = usize::from(take.u8());
            take.bytes(count).to_vec()
        }
        1 => vec![take.u8(); usize::from(take.u16() & 0x1fff)],
        2 => [take.one_of(ANSWERS), take.one_of(ANSWERS)].concat(),
        3 => [
            take.one_of(ANSWERS),
            take.one_of(ANSWERS),
            take.one_of(ANSWERS),
        ]
        .concat(),
        _ => take.one_of(ANSWERS).to_vec(),
    };
    match how & 0xf8 {
        // Without end, as far as a host can see.
        0xf8 => answer.iter().copied().cycle().take(400_000).collect(),
        _ => answer,
    }
}

/// An upload to a module that says anything ends with what the module is said to hold; no answer is taken that is larger
/// than any that there is.
pub(crate) fn push(data: &[u8]) {
    let mut take = Take(data);
    // So that most of them get past the search for a module.
    let mut says = vec![b"\r\nOK\r\n".to_vec()];
    while !take.is_empty() && says.len() < 60 {
        says.push(answer(&mut take));
    }
    says.retain(|it| !it.is_empty());
    says.reverse();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../cert-bin/tests/data/pki/inputs/ca_p256.crt.der");
    let role = PartitionRole::from_name("client_ca").expect("a role");
    let port = Port::of(Module { says });
    match push::upload(port, role, &[file]).expect("a file that is there") {
        Ok(pushed) => drop(format!("{pushed:?}")),
        Err(error) => drop(format!("{error} {error:?} {}", error.code())),
    }
}

/// Any argument, or line of a log, has words or none; they are of a bounded length.
pub(crate) fn explain(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(words) = explain::words(&text) {
        assert!(words.len() < 200_000 && words.ends_with('\n'));
    }
    // As a line of a log, with what a log has around it.
    let _ = explain::words(&format!("W (1234) esp-tls: {text} returned"));
}
