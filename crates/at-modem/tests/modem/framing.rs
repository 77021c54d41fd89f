//! The same conversation gives the same bytes however the port cuts it.

use crate::support::{Bench, text};

/// What the host says before it waits for an answer each time: commands that end by themselves, a
/// payload that looks like commands, a block of noise.
const SAID: [&[u8]; 4] = [
    b"AT\r\n\r\nATE1\r\nat+cwmode?\nATE0\r\n?\r\nAT+SYSFLASH=1,\"ble_data\",4,16\r\n+++\r\nAT+FAKE\r\n\0\xff",
    b"AT+SYSFLASH=2,\"ble_data\",0,24\r\nAT+CWMODE=1\r\nAT+CWMODE?\r\n",
    b"AT+X=\"\xff\0\"\r\n\xff\xfe\n\r\r\nAT",
    b"+SYSLOG=1\r\nAT+FAKE\r\nAT+CIPCLOSE\r\n",
];

const HEARD: &[u8] = b"\r\nOK\r\n\r\nOK\r\nat+cwmode?\n+CWMODE:0\r\n\r\nOK\r\nATE0\r\n\r\nOK\r\n\r\nERROR\r\n\r\n>\r\nOK\r\n\
+SYSFLASH:24,\xff\xff\xff\xff+++\r\nAT+FAKE\r\n\0\xff\xff\xff\xff\xff\r\nOK\r\n\r\nOK\r\n+CWMODE:1\r\n\r\nOK\r\n\
\r\nERROR\r\n\r\nERROR\r\n\
\r\nOK\r\nERR CODE:0x01090000\r\n\r\nERROR\r\nERR CODE:0x010a0000\r\n\r\nERROR\r\n";

/// Says all of it in the pieces that `cut` makes; between pieces the modem runs until it waits.
fn heard(cut: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> String {
    let mut bench = Bench::new();
    let mut heard = Vec::new();
    for said in SAID {
        for piece in cut(said) {
            heard.extend(bench.say(piece));
        }
    }
    text(&heard)
}

#[test]
fn said_whole() {
    assert_eq!(heard(|said| vec![said.to_vec()]), text(HEARD));
}

#[test]
fn said_in_pieces_of_every_size() {
    for size in [1, 2, 3, 5, 7, 11, 16, 17, 31, 64] {
        let cut = |said: &[u8]| said.chunks(size).map(<[u8]>::to_vec).collect();
        assert_eq!(heard(cut), text(HEARD), "pieces of {size}");
    }
}

#[test]
fn said_in_two_pieces_cut_anywhere() {
    let longest = SAID.iter().map(|said| said.len()).max().unwrap();
    for at in 0..=longest {
        let cut = |said: &[u8]| {
            let (first, last) = said.split_at(at.min(said.len()));
            vec![first.to_vec(), last.to_vec()]
        };
        assert_eq!(heard(cut), text(HEARD), "cut at {at}");
    }
}

#[test]
fn read_in_pieces_of_every_size() {
    for most in [1, 2, 3, 5, 8, 13, 21, 100] {
        let mut bench = Bench::new();
        bench.port.set_piece(most);
        let heard: Vec<u8> = SAID.iter().flat_map(|said| bench.say(said)).collect();
        assert_eq!(text(&heard), text(HEARD), "reads of {most}");
    }
}
