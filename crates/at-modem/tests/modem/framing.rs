//! The same conversation gives the same bytes however the port cuts it.

use crate::support::{Bench, text};

/// Commands that end by themselves, a payload with a CRLF and `+++` in it, and lines that are none.
const CONVERSATION: &[u8] = b"AT\r\n\r\nATE1\nat+cwmode?\r\nATE0\r\n?\r\nAT+SYSFLASH=1,\"ble_data\",4,16\r\n+++\r\nAT+FAKE\r\n+++AT+SYSFLASH=2,\"ble_data\",0,24\r\nAT+CWMODE=1\r\nAT+CWMODE?\r\nAT+X=\"\xff\0\"\r\nAT\r\n";

const ANSWERS: &[u8] = b"\r\nOK\r\n\r\nOK\r\nat+cwmode?\r\n+CWMODE:0\r\n\r\nOK\r\nATE0\r\n\r\nOK\r\n\r\nERROR\r\n\r\n>\r\nOK\r\n+SYSFLASH:24,\xff\xff\xff\xff+++\r\nAT+FAKE\r\n++\xff\xff\xff\xff\r\nERROR\r\n";

#[test]
fn placeholder() {
    let _ = (CONVERSATION, ANSWERS, text(b""));
    let _ = Bench::new();
}
