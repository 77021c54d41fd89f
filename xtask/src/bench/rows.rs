//! What each row is, in the order of the page.

/// A row of the page's table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    /// Instructions for each unit that are wanted at most.
    pub(crate) goal: Option<f64>,
}

const fn row(name: &'static str, what: &'static str, unit: &'static str, goal: Option<f64>) -> Row {
    Row {
        name,
        what,
        unit,
        goal,
    }
}

const MILLION: f64 = 1e6;

pub(crate) const ROWS: &[Row] = &[
    row(
        "chip.verify.p256",
        "chain of P-256, two signatures",
        "chain",
        None,
    ),
    row(
        "chip.handshake.p256",
        "handshake, P-256 throughout",
        "handshake",
        Some(34.0 * MILLION),
    ),
    row(
        "chip.verify.p384",
        "chain of P-384, two signatures",
        "chain",
        None,
    ),
    row(
        "chip.handshake.p384",
        "handshake, P-384 server",
        "handshake",
        Some(125.0 * MILLION),
    ),
    row(
        "chip.verify.ed25519",
        "chain of Ed25519, two signatures",
        "chain",
        None,
    ),
    row(
        "chip.handshake.ed25519",
        "handshake, Ed25519 server",
        "handshake",
        None,
    ),
    row(
        "chip.verify.rsa-2048",
        "chain of RSA-2048, two signatures",
        "chain",
        None,
    ),
    row(
        "chip.handshake.rsa-2048",
        "handshake, RSA-2048 server",
        "handshake",
        None,
    ),
    row(
        "chip.handshake.rsa-4096",
        "handshake, RSA-4096 server",
        "handshake",
        None,
    ),
    row(
        "chip.handshake.client-p256",
        "the same as P-256, client signs with P-256",
        "handshake",
        None,
    ),
    row(
        "chip.handshake.client-rsa-2048",
        "client signs with RSA-2048",
        "handshake",
        Some(250.0 * MILLION),
    ),
    row(
        "chip.handshake.client-rsa-4096",
        "client signs with RSA-4096",
        "handshake",
        Some(1250.0 * MILLION),
    ),
    row(
        "grammar.session_line",
        "a command line to a type, mean of 16 of one session",
        "line",
        Some(1000.0),
    ),
    row(
        "grammar.cipstart",
        "`AT+CIPSTART` with four parameters to a type",
        "line",
        None,
    ),
    row(
        "peer.at_commands.cipstart",
        "the same, at-commands, without dispatch",
        "line",
        None,
    ),
    row("grammar.first_row", "`AT` to a type", "line", None),
    row(
        "grammar.last_row",
        "the last command of the table to a type",
        "line",
        None,
    ),
    row(
        "grammar.unknown",
        "a command that there is not",
        "line",
        None,
    ),
    row("grammar.reply", "`0,CLOSED` written", "reply", None),
    row(
        "peer.at_commands.reply",
        "a line of that length, at-commands",
        "reply",
        None,
    ),
    row(
        "modem.at",
        "`AT` from port to port, all of the modem",
        "command",
        None,
    ),
    row("modem.query", "`AT+CIPMUX?`, the same", "command", None),
    row(
        "modem.refused",
        "a refused command, the same",
        "command",
        None,
    ),
    row(
        "data.to_host.1",
        "one TCP link to the host",
        "byte",
        Some(5.0),
    ),
    row(
        "data.to_host.5",
        "five TCP links to the host",
        "byte",
        Some(5.0),
    ),
    row(
        "data.to_link",
        "host to a link, `AT+CIPSEND` of 2,048 bytes",
        "byte",
        Some(12.0),
    ),
    row(
        "data.passthrough",
        "host to a link, passthrough, 1,024 bytes a time",
        "byte",
        Some(12.0),
    ),
    row(
        "passthrough.echo",
        "passthrough, 4 bytes and their echo",
        "echo",
        None,
    ),
    row(
        "passthrough.echo.reads",
        "reads of the socket for that, counted, not instructions",
        "echo",
        Some(3.0),
    ),
    row(
        "tls.handshake",
        "`AT+CIPSTART` to a TLS server of P-256, all of the modem",
        "handshake",
        None,
    ),
    row(
        "tls.to_host",
        "one TLS link to the host",
        "byte",
        Some(12.0),
    ),
    row(
        "tls.at_flooded",
        "`AT` while five TLS links flood the modem, the largest of 32",
        "command",
        None,
    ),
    row(
        "sysmfg.write.0",
        "`AT+SYSMFG` writes 200 bytes, none there before",
        "command",
        None,
    ),
    row(
        "sysmfg.write.40",
        "the same, 40 values there before",
        "command",
        Some(5.0 * MILLION),
    ),
    row(
        "sysmfg.write.80",
        "the same, 80 values there before",
        "command",
        Some(5.0 * MILLION),
    ),
    row(
        "sysmfg.list.80",
        "`AT+SYSMFG=1` lists 80 values",
        "command",
        None,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_comes_twice() {
        for row in ROWS {
            let same = ROWS.iter().filter(|other| other.name == row.name);
            assert_eq!(same.count(), 1, "{}", row.name);
        }
    }
}
