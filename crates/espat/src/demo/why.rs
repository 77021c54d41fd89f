//! The reasons the story expects, and how `AT+SSLWHY?` must report them.
//!
//! ```text
//! +SSLWHY:<link>,"<stage>",<Mbed TLS number>,<X.509 verify flags>,<depth>,"<subject>","<wanted issuer, name or missed date>","<words>","<code>"
//! ```

use anyhow::{bail, ensure};

use super::pattern::{Matched, Pattern};
use super::pki::SERVER_NAME;

/// What `AT+SSLWHY?` must say of a link.
#[derive(Clone, Copy)]
pub(super) struct Why {
    /// -1 is the modem's server.
    link: i8,
    stage: &'static str,
    /// Mbed TLS's number without its minus.
    number: u16,
    flags: u32,
    /// Part of the subject, of what was wanted, and of the words.
    subject: &'static str,
    wanted: &'static str,
    words: &'static str,
    code: &'static str,
}

/// A refused certificate.
const fn untrusted(
    flags: u32,
    wanted: &'static str,
    words: &'static str,
    code: &'static str,
) -> Why {
    Why {
        link: 0,
        stage: "certificate",
        number: 0x2700,
        flags,
        subject: SERVER_NAME,
        wanted,
        words,
        code,
    }
}

pub(super) const NO_CA: Why = Why {
    link: 0,
    stage: "setup",
    number: 0x7680,
    flags: 0,
    subject: "",
    wanted: "",
    words: "no CA",
    code: "ca_erased",
};
pub(super) const OTHER_CA: Why = untrusted(0x08, "espat demo CA", "no chain", "issuer_unknown");
pub(super) const NO_CLOCK: Why = untrusted(0x0200, "2020-01-01", "clock not set", "clock_not_set");
pub(super) const EXPIRED: Why = untrusted(0x01, "2021-01-01", "expired", "expired");
pub(super) const FUTURE: Why = untrusted(0x0200, "2090-01-01", "not valid before", "not_yet_valid");
pub(super) const OTHER_NAME: Why = Why {
    subject: "elsewhere.local",
    ..untrusted(0x04, SERVER_NAME, "another name", "name_mismatch")
};
pub(super) const ORPHAN: Why = untrusted(
    0x08,
    "espat demo intermediate",
    "no chain",
    "issuer_unknown",
);
pub(super) const NO_SERVER: Why = Why {
    link: 0,
    stage: "tcp",
    number: 0x0044,
    flags: 0,
    subject: "",
    wanted: "",
    words: "refused",
    code: "connection_refused",
};
pub(super) const TLS12: Why = Why {
    link: 0,
    stage: "hello",
    number: 0x6E80,
    flags: 0,
    subject: "",
    wanted: "",
    words: "no version",
    code: "server_version",
};
pub(super) const NO_CLIENT_CERTIFICATE: Why = Why {
    link: -1,
    stage: "certificate",
    number: 0x7480,
    flags: 0x40,
    subject: "",
    wanted: "",
    words: "client showed no certificate",
    code: "no_client_certificate",
};

impl Why {
    /// Checks that a `+SSLWHY` line reports this reason; the error names what differs.
    pub(super) fn agree(self, line: &str) -> anyhow::Result<()> {
        let exact = format!(
            "+SSLWHY:{},\"{}\",-{:#06x},{:#010x},0,",
            self.link, self.stage, self.number, self.flags
        );
        let wanted = Pattern::after(
            &exact,
            "\"{subject}\",\"{wanted}\",\"{words}\",\"{code}\"\r\n",
        );
        let line = format!("{line}\r\n");
        let Matched::Whole { fields, .. } = wanted.compare(line.as_bytes()) else {
            bail!("a reason like {wanted} was expected");
        };
        let field = |name, wanted: &str| {
            let said = fields.get(name);
            // Nothing expected means nothing said.
            let right = said.contains(wanted) && (said.is_empty() || !wanted.is_empty());
            ensure!(right, "{name} is {said:?}, expected {wanted:?}");
            Ok(())
        };
        field("subject", self.subject)?;
        field("wanted", self.wanted)?;
        field("words", self.words)?;
        field("code", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_compared_field_by_field() {
        const GOOD: [&str; 8] = [
            "\"certificate\"",
            "-0x2700",
            "0x00000001",
            "0",
            "\"CN=broker.local\"",
            "\"2021-01-01T00:00:00Z\"",
            "\"expired on 2021-01-01T00:00:00Z\"",
            "\"expired\"",
        ];
        let line = |fields: &[&str]| format!("+SSLWHY:0,{}", fields.join(","));
        EXPIRED.agree(&line(&GOOD)).unwrap();
        for at in 0..GOOD.len() {
            for other in ["\"\"", "7", "", "-9984", "\"hello\""] {
                let mut fields = GOOD;
                fields[at] = other;
                assert!(EXPIRED.agree(&line(&fields)).is_err(), "{}", line(&fields));
            }
            assert!(EXPIRED.agree(&line(&GOOD[..at])).is_err());
        }
    }

    #[test]
    fn what_should_be_empty_must_be() {
        let line = |subject| {
            format!(
                r#"+SSLWHY:0,"tcp",-0x0044,0x00000000,0,"{subject}","","server refused","connection_refused""#
            )
        };
        NO_SERVER.agree(&line("")).unwrap();
        assert!(NO_SERVER.agree(&line("x")).is_err());
        let unended = line("");
        assert!(NO_SERVER.agree(unended.trim_end_matches('"')).is_err());
    }
}
