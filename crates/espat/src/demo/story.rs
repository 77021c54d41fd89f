//! The steps: what the host sends, and what must come back (spec: at-commands A.8, A.9, A.21, C).
//!
//! First the way that works, then each way it can fail. A failure must be answered by `ERROR`, leave the
//! modem alive, and have its own reason: stage, Mbed TLS number, X.509 verify flags, whose certificate, and a text.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use cert_bin::{ImageWriter, ItemKind, NewItem};
use x509_facts::Timestamp;

use super::host::{HANDSHAKE_TIMEOUT, Host, Port, TIMEOUT};
use super::ntp::NtpServer;
use super::pattern::{Fields, Pattern};
use super::pki::{CLIENT_NAME, Pki, SERVER_ADDRESS, SERVER_NAME};
use super::progress::Progress;
use super::servers::{ClosedPort, TlsServer};
use super::visitors::Visitors;
use super::why::{
    EXPIRED, FUTURE, NO_CA, NO_CLIENT_CERTIFICATE, NO_CLOCK, NO_SERVER, ORPHAN, OTHER_CA,
    OTHER_NAME, TLS12, Why,
};
use crate::report::Outcome;

const P256_PORT: u16 = 8739;
const RSA_PORT: u16 = 8740;
const EXPIRED_PORT: u16 = 8741;
const FUTURE_PORT: u16 = 8742;
const OTHER_NAME_PORT: u16 = 8743;
const CLOSED_PORT: u16 = 8744;
const TLS12_PORT: u16 = 8745;
const ORPHAN_PORT: u16 = 8746;
/// The port that the modem serves.
const MODULE_PORT: u16 = 8883;

const P256_SERVER: &str = "the P-256 server";
const RSA_SERVER: &str = "the RSA-2048 server";

/// The classic ESP32 table (spec: at-commands B.2).
pub(super) const PARTITIONS: &str = "+SYSFLASH:\"ble_data\",64,1,0x21000,0x3000\r\n\
    +SYSFLASH:\"server_cert\",64,2,0x24000,0x2000\r\n\
    +SYSFLASH:\"server_key\",64,3,0x26000,0x2000\r\n\
    +SYSFLASH:\"server_ca\",64,4,0x28000,0x2000\r\n\
    +SYSFLASH:\"client_cert\",64,5,0x2a000,0x2000\r\n\
    +SYSFLASH:\"client_key\",64,6,0x2c000,0x2000\r\n\
    +SYSFLASH:\"client_ca\",64,7,0x2e000,0x2000\r\n\
    +SYSFLASH:\"factory_param\",64,8,0x30000,0x1000\r\n\
    +SYSFLASH:\"wpa2_cert\",64,9,0x31000,0x2000\r\n\
    +SYSFLASH:\"wpa2_key\",64,10,0x33000,0x2000\r\n\
    +SYSFLASH:\"wpa2_ca\",64,11,0x35000,0x2000\r\n\
    +SYSFLASH:\"mqtt_cert\",64,12,0x37000,0x2000\r\n\
    +SYSFLASH:\"mqtt_key\",64,13,0x39000,0x2000\r\n\
    +SYSFLASH:\"mqtt_ca\",64,14,0x3b000,0x2000\r\n\
    +SYSFLASH:\"fatfs\",1,129,0x70000,0x90000\r\n\
    \r\nOK\r\n";

const CONF: &str = "AT+CIPSSLCCONF=2,0,0";
const CONFS: &str = "+CIPSSLCCONF:0,2,0,0\r\n+CIPSSLCCONF:1,2,0,0\r\n+CIPSSLCCONF:2,2,0,0\r\n\
    +CIPSSLCCONF:3,2,0,0\r\n+CIPSSLCCONF:4,2,0,0\r\n\r\nOK\r\n";

const ERASE: &str = "AT+SYSFLASH=0,\"client_ca\",0,4096";
const JOIN: &str = "AT+CWJAP=\"iot\",\"\"";
const JOINED: &str = "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n";
const SNTP: &str = "AT+CIPSNTPCFG=1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"";
const ZONE_HOURS: i64 = 8;
const CLEAR_NAME: &str = "AT+CIPSSLCCN=\"\"";

/// Servers, certificates and images: what stands around the modem.
pub(super) struct Stage {
    ca_image: Vec<u8>,
    other_ca_image: Vec<u8>,
    /// Certificate and key of the modem as a server.
    module_images: [Vec<u8>; 2],
    visitors: Visitors,
    tls: Vec<(u16, TlsServer)>,
    closed: ClosedPort,
    ntp: NtpServer,
}

impl Stage {
    pub(super) fn build() -> anyhow::Result<Self> {
        let pki = Pki::make()?;
        let tls13 = TlsServer::tls13;
        Ok(Self {
            ca_image: image(ItemKind::Ca, pki.ca.as_bytes())?,
            other_ca_image: image(ItemKind::Ca, pki.other_ca.as_bytes())?,
            module_images: [
                image(ItemKind::Cert, pki.module.certificate())?,
                image(ItemKind::Key, pki.module.key_der())?,
            ],
            visitors: Visitors::new(&pki)?,
            tls: vec![
                (P256_PORT, tls13(P256_SERVER, &pki.p256)?),
                (RSA_PORT, tls13(RSA_SERVER, &pki.rsa)?),
                (EXPIRED_PORT, tls13("the expired server", &pki.expired)?),
                (FUTURE_PORT, tls13("the server of 2090", &pki.future)?),
                (OTHER_NAME_PORT, tls13("another server", &pki.other_name)?),
                (TLS12_PORT, TlsServer::tls12("the old server", &pki.p256)?),
                (ORPHAN_PORT, tls13("the orphan server", &pki.orphan)?),
            ],
            closed: ClosedPort::reserve()?,
            ntp: NtpServer::start()?,
        })
    }

    /// Where the modem's questions go.
    pub(super) fn maps(&self) -> Vec<(String, SocketAddr)> {
        let ntp = self.ntp.address();
        let names = ["cn.ntp.org.cn", "ntp.sjtu.edu.cn"];
        let ntp = names.map(|name| (format!("{name}:123"), ntp));
        let tls = self
            .tls
            .iter()
            .map(|(port, server)| (*port, server.address()));
        tls.chain([(CLOSED_PORT, self.closed.address())])
            .map(|(port, to)| (format!("{SERVER_ADDRESS}:{port}"), to))
            .chain(ntp)
            .chain([(format!(":{MODULE_PORT}"), self.visitors.address())])
            .collect()
    }
}

/// An image of one certificate or key, as `espat pki pack` makes it.
fn image(kind: ItemKind, content: &[u8]) -> anyhow::Result<Vec<u8>> {
    let items = [NewItem { kind, content }];
    let writer = ImageWriter::new(&items)?;
    let mut image = vec![0; writer.size()];
    writer.write(&mut image)?;
    Ok(image)
}

/// The modem was lost, or a step failed without which the rest makes no sense.
struct Stopped;

/// Runs every step; `switch_on` connects to the AT port of a new modem.
pub(super) fn run<P: Port>(
    stage: &Stage,
    mut progress: Progress<'_>,
    mut switch_on: impl FnMut() -> io::Result<Host<P>>,
) -> io::Result<Outcome> {
    progress.say("A host, a modem and servers, all on this machine. → is what the host sends, ← what the modem answers.");
    progress.say("The modem also echoes each command; the echo is checked and not shown.");
    for (asked, to) in stage.maps() {
        progress.say(&format!("    {asked:22} is {to}"));
    }
    progress.say(&format!(
        "at_ca.bin, {} bytes, is what `espat pki pack -o at_ca.bin ca ca.pem` makes of this run's CA.",
        stage.ca_image.len()
    ));
    let mut story = Story {
        progress,
        host: switch_on()?,
    };
    let stopped = story.success(stage).is_err()
        || story.failures(stage, &mut switch_on).is_err()
        || story.epilogue().is_err()
        || story.server(stage).is_err();
    story.progress.finish(stopped)
}

struct Story<'o, P> {
    progress: Progress<'o>,
    host: Host<P>,
}

impl<P: Port> Story<'_, P> {
    fn success(&mut self, stage: &Stage) -> Result<(), Stopped> {
        self.must("Switch the modem on", |it| {
            it.hear("\r\nready\r\n", TIMEOUT)?;
            it.ok("AT")
        })?;
        self.must("List the flash partitions", |it| {
            it.ask("AT+SYSFLASH?", PARTITIONS).map(drop)
        })?;
        self.must("Erase client_ca, load at_ca.bin into it", |it| {
            it.load(&stage.ca_image)
        })?;
        self.must("Join the access point", Self::join)?;
        self.must("Set the clock by SNTP", |it| {
            it.ok(SNTP)?;
            it.hear("+TIME_UPDATED\r\n", TIMEOUT).map(drop)
        })?;
        self.must("Read the clock, in UTC+8", Self::check_clock)?;
        self.must("Ask for servers to be verified against CA 0", |it| {
            it.ok(CONF)?;
            it.ask("AT+CIPSSLCCONF?", CONFS).map(drop)
        })?;
        self.must("Connect to a P-256 server", |it| it.connect(P256_PORT))?;
        self.must("Send, and receive the answer", |it| {
            it.exchange(P256_SERVER, "temperature=21.5")
        })?;
        self.must("Close", Self::close)?;
        self.must(
            "The same with an RSA-2048 server, its name checked too",
            |it| {
                it.ok(&format!("AT+CIPSSLCCN=\"{SERVER_NAME}\""))?;
                it.connect(RSA_PORT)?;
                it.exchange(RSA_SERVER, "humidity=40")?;
                it.close()?;
                it.ok(CLEAR_NAME)
            },
        )
    }

    fn failures(
        &mut self,
        stage: &Stage,
        switch_on: &mut impl FnMut() -> io::Result<Host<P>>,
    ) -> Result<(), Stopped> {
        self.progress
            .say("\nNow everything that can go wrong. The reason is what AT+SSLWHY? says.");
        self.attempt("No CA loaded: the partition is erased", |it| {
            it.ok(ERASE)?;
            it.refused(P256_PORT, "NO CA FOUND\r\n", NO_CA)
        })?;
        self.must("Load another CA", |it| it.load(&stage.other_ca_image))?;
        self.attempt("The server is not signed by that CA", |it| {
            it.refused(P256_PORT, "", OTHER_CA)
        })?;
        self.must("Load the right CA again", |it| it.load(&stage.ca_image))?;
        self.attempt("The certificate has expired", |it| {
            it.refused(EXPIRED_PORT, "", EXPIRED)
        })?;
        self.attempt("The certificate is not yet valid", |it| {
            it.refused(FUTURE_PORT, "", FUTURE)
        })?;
        self.attempt("The certificate is for another name", |it| {
            it.ok(&format!("AT+CIPSSLCCN=\"{SERVER_NAME}\""))?;
            it.refused(OTHER_NAME_PORT, "", OTHER_NAME)?;
            it.ok(CLEAR_NAME)
        })?;
        self.attempt("No server there", |it| {
            it.refused(CLOSED_PORT, "", NO_SERVER)
        })?;
        self.attempt("The server speaks TLS 1.2 only, the link 1.3 only", |it| {
            it.ok("AT+SSLVERSION=13,13")?;
            let result = it.refused(TLS12_PORT, "", TLS12);
            it.ok("AT+SSLVERSION=12,13")?;
            result
        })?;
        self.attempt("The server's chain does not reach the CA", |it| {
            it.refused(ORPHAN_PORT, "", ORPHAN)
        })?;
        self.attempt("The clock was never set (a new modem)", |it| {
            let first = std::mem::replace(&mut it.host, switch_on()?);
            let result = it.clockless(stage);
            it.host = first;
            result
        })?;
        self.attempt("With AT+SYSLOG=1 the reason comes by itself", |it| {
            it.ok("AT+SYSLOG=1")?;
            let reply = it.start(
                EXPIRED_PORT,
                "{*+SSLWHY:}{*+ERRNO:}ERR CODE:0x010a{code}\r\n\r\nERROR\r\n",
            )?;
            let lines: Vec<&str> = reply.all("+SSLWHY:").collect();
            ensure!(
                lines.len() == 1,
                "one +SSLWHY line was expected, {} came",
                lines.len()
            );
            lines.iter().try_for_each(|line| EXPIRED.agree(line))?;
            it.ok("AT+SYSLOG=0")
        })
    }

    fn epilogue(&mut self) -> Result<(), Stopped> {
        self.must("After all that, the modem still connects", |it| {
            it.connect(P256_PORT)?;
            it.exchange(P256_SERVER, "pressure=1013")?;
            it.close()
        })
    }

    fn server(&mut self, stage: &Stage) -> Result<(), Stopped> {
        self.progress
            .say("\nThe modem as a TLS server, which takes clients of the CA alone.");
        self.must("Load its certificate, key and CA, and listen", |it| {
            let [certificate, key] = &stage.module_images;
            it.load_into("server_cert", certificate)?;
            it.load_into("server_key", key)?;
            it.load_into("server_ca", &stage.ca_image)?;
            it.ok("AT+CIPMUX=1")?;
            it.ok(&format!("AT+CIPSERVER=1,{MODULE_PORT},\"SSL\",1"))
        })?;
        self.must("A client with a certificate is a link", |it| {
            let mut client = stage.visitors.certified()?;
            it.hear("0,CONNECT\r\n", TIMEOUT)?;
            client.say("reading=7")?;
            it.hear("\r\n+IPD,0,9:reading=7", TIMEOUT)?;
            let reply = it.ask("AT+SSLPEER?", "{*+SSLPEER:0}\r\nOK\r\n")?;
            let known = format!("\"CN={CLIENT_NAME}\"");
            ensure!(
                reply.all("+SSLPEER:0").any(|line| line.contains(&known)),
                "the client is not told of as {CLIENT_NAME}"
            );
            it.ask("AT+CIPSEND=0,6", "\r\nOK\r\n\r\n>")?;
            it.data(b"thanks")?;
            it.hear("\r\nRecv 6 bytes\r\n\r\nSEND OK\r\n", TIMEOUT)?;
            let answer = client.hear()?;
            ensure!(answer == "thanks", "the client received {answer:?}");
            it.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n").map(drop)
        })?;
        self.must(
            "A client without one is refused, and both are told why",
            |it| {
                it.ok("AT+SYSLOG=1")?;
                let alert = stage.visitors.is_refused()?;
                ensure!(
                    alert.contains("CertificateRequired"),
                    "the client was told {alert}"
                );
                let wanted = Pattern::after("", "+SSLWHY:{why}\r\n");
                let (reply, fields) = it.host.expect(&wanted, TIMEOUT)?;
                it.progress.received(&reply);
                NO_CLIENT_CERTIFICATE.agree(&format!("+SSLWHY:{}", fields.get("why")))?;
                it.ok("AT+SYSLOG=0")?;
                it.ok("AT+CIPSERVER=0")
            },
        )
    }

    /// A step without which the rest makes no sense.
    fn must(
        &mut self,
        title: &str,
        step: impl FnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> Result<(), Stopped> {
        if self.step(title, step) {
            Ok(())
        } else {
            Err(Stopped)
        }
    }

    /// A step on which no later one depends, as long as the modem still answers.
    fn attempt(
        &mut self,
        title: &str,
        step: impl FnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> Result<(), Stopped> {
        if self.step(title, step) {
            return Ok(());
        }
        // A session that should not be, a name and a mode that should be gone.
        let alive = self.host.resynchronise()
            && ["AT+CIPCLOSE", CLEAR_NAME, "AT+SYSLOG=0"]
                .iter()
                .all(|line| self.host.finish(line));
        if alive { Ok(()) } else { Err(Stopped) }
    }

    fn step(&mut self, title: &str, step: impl FnOnce(&mut Self) -> anyhow::Result<()>) -> bool {
        self.progress.begin(title);
        let result = step(self);
        self.progress.end(&result);
        result.is_ok()
    }

    /// Sends a line; its echo and then exactly this must come back.
    fn ask_within(
        &mut self,
        command: &str,
        template: &str,
        timeout: Duration,
    ) -> anyhow::Result<Fields> {
        let echo = format!("{command}\r\n");
        self.progress.sent(echo.as_bytes());
        self.host.send_line(command)?;
        let wanted = Pattern::after(&echo, template);
        let (reply, fields) = self.host.expect(&wanted, timeout)?;
        self.progress
            .received(reply.strip_prefix(echo.as_bytes()).unwrap_or(&reply));
        Ok(fields)
    }

    fn ask(&mut self, command: &str, template: &str) -> anyhow::Result<Fields> {
        self.ask_within(command, template, TIMEOUT)
    }

    fn ok(&mut self, command: &str) -> anyhow::Result<()> {
        self.ask(command, "\r\nOK\r\n").map(drop)
    }

    /// Sends data after a prompt; it is not echoed.
    fn data(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.progress.sent(bytes);
        Ok(self.host.send_raw(bytes)?)
    }

    /// Waits for what comes unasked.
    fn hear(&mut self, exact: &str, timeout: Duration) -> anyhow::Result<()> {
        let wanted = Pattern::after(exact, "");
        let (reply, _) = self.host.expect(&wanted, timeout)?;
        self.progress.received(&reply);
        Ok(())
    }

    fn load(&mut self, image: &[u8]) -> anyhow::Result<()> {
        self.load_into("client_ca", image)
    }

    fn load_into(&mut self, partition: &str, image: &[u8]) -> anyhow::Result<()> {
        self.ok(&format!("AT+SYSFLASH=0,\"{partition}\",0,4096"))?;
        let command = format!("AT+SYSFLASH=1,\"{partition}\",0,{}", image.len());
        self.ask(&command, "\r\n>")?;
        self.data(image)?;
        self.hear("\r\nOK\r\n", TIMEOUT)
    }

    fn join(&mut self) -> anyhow::Result<()> {
        self.ok("AT+CWMODE=1")?;
        self.ask(JOIN, JOINED).map(drop)
    }

    fn check_clock(&mut self) -> anyhow::Result<()> {
        /// Half of a second on either side may round away; the rest is for a busy machine.
        const TOLERANCE: i64 = 2;
        let before = unix_now()?;
        let reply = self.ask("AT+CIPSNTPTIME?", "+CIPSNTPTIME:{time}\r\nOK\r\n")?;
        let said = reply.get("time");
        let zone = ZONE_HOURS.saturating_mul(3600);
        let earliest = before.saturating_add(zone).saturating_sub(TOLERANCE);
        let latest = unix_now()?.saturating_add(zone).saturating_add(TOLERANCE);
        ensure!(
            (earliest..=latest).any(|second| asctime(second) == said),
            "the modem says {said}\nit is        {}",
            asctime(before.saturating_add(zone))
        );
        Ok(())
    }

    fn start(&mut self, port: u16, template: &str) -> anyhow::Result<Fields> {
        let command = format!("AT+CIPSTART=\"SSL\",\"{SERVER_ADDRESS}\",{port}");
        self.ask_within(&command, template, HANDSHAKE_TIMEOUT)
    }

    fn connect(&mut self, port: u16) -> anyhow::Result<()> {
        self.start(port, "CONNECT\r\n\r\nOK\r\n").map(drop)
    }

    fn exchange(&mut self, server: &str, data: &str) -> anyhow::Result<()> {
        let len = data.len();
        self.ask(&format!("AT+CIPSEND={len}"), "\r\nOK\r\n\r\n>")?;
        self.data(data.as_bytes())?;
        self.hear(&format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n"), TIMEOUT)?;
        let answer = format!("hello from {server}: {data}");
        self.hear(&format!("\r\n+IPD,{}:{answer}", answer.len()), TIMEOUT)
    }

    fn close(&mut self) -> anyhow::Result<()> {
        self.ask("AT+CIPCLOSE", "CLOSED\r\n\r\nOK\r\n").map(drop)
    }

    /// A connection must be refused, for this reason, and the modem must live on.
    fn refused(&mut self, port: u16, notice: &str, why: Why) -> anyhow::Result<()> {
        self.start(port, &format!("{notice}\r\nERROR\r\n"))?;
        let reply = self.ask("AT+SSLWHY?", "{*+SSLWHY:}\r\nOK\r\n")?;
        let line = reply
            .all("+SSLWHY:")
            .find(|line| line.starts_with("+SSLWHY:0,"));
        why.agree(line.context("no reason is reported for link 0")?)?;
        self.ok("AT")
    }

    /// On a modem of its own.
    fn clockless(&mut self, stage: &Stage) -> anyhow::Result<()> {
        self.hear("\r\nready\r\n", TIMEOUT)?;
        self.load(&stage.ca_image)?;
        self.join()?;
        self.ok(CONF)?;
        self.refused(P256_PORT, "", NO_CLOCK)
    }
}

fn unix_now() -> anyhow::Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}

/// As C's `asctime`, without the line end: `Tue Oct 19 17:47:56 2021`.
pub(super) fn asctime(seconds: i64) -> String {
    // The day of 0 was a Thursday.
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let name = |names: &[&'static str], at: i64| {
        let at = usize::try_from(at).ok();
        at.and_then(|at| names.get(at).copied()).unwrap_or("???")
    };
    let at = Timestamp::from_unix(seconds).civil();
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        name(&DAYS, seconds.div_euclid(86_400).rem_euclid(7)),
        name(&MONTHS, i64::from(at.month).saturating_sub(1)),
        at.day,
        at.hour,
        at.minute,
        at.second,
        at.year
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_c_writes_them() {
        for (seconds, text) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (128, "Thu Jan  1 00:02:08 1970"),
            (1_634_665_676, "Tue Oct 19 17:47:56 2021"),
            (1_709_164_799, "Wed Feb 28 23:59:59 2024"),
            (1_709_164_800, "Thu Feb 29 00:00:00 2024"),
            (4_102_444_799, "Thu Dec 31 23:59:59 2099"),
        ] {
            assert_eq!(asctime(seconds), text);
        }
    }
}
