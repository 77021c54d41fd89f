//! What is left in memory of keys and passwords, read back through `/proc/self/mem`.

use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt as _;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use at_modem::{Modem, ModemBuffers, Parts, ProductInfo};
use embassy_futures::block_on;

use crate::support::bench::Counting;
use crate::support::flash::Flash;
use crate::support::lamp::Lamp;
use crate::support::net::NetDouble;
use crate::support::{Bench, Setup};

/// Where something lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    address: usize,
    size: usize,
}

impl Place {
    fn of<T>(value: &T) -> Self {
        Self {
            address: std::ptr::from_ref(value).addr(),
            size: size_of::<T>(),
        }
    }

    /// Copies its bytes, whoever has borrowed it and whether it was dropped or not.
    fn copy_to(self, bytes: &mut [u8]) {
        let memory = File::open("/proc/self/mem").unwrap();
        memory
            .read_exact_at(bytes, u64::try_from(self.address).unwrap())
            .unwrap();
    }

    /// Where six bytes or more of a secret lie in a row: from and to.
    fn finds(self, secret: &[u8]) -> Vec<(usize, usize)> {
        let mut bytes = vec![0; self.size];
        self.copy_to(&mut bytes);
        Self::finds_in(&bytes, secret)
    }

    fn finds_in(bytes: &[u8], secret: &[u8]) -> Vec<(usize, usize)> {
        let parts: std::collections::HashSet<&[u8]> = secret.windows(6).collect();
        let found = bytes.windows(6).enumerate();
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (at, _) in found.filter(|(_, part)| parts.contains(part)) {
            match runs.last_mut() {
                Some((_, to)) if at < *to => *to = at + 6,
                _ => runs.push((at, at + 6)),
            }
        }
        runs
    }
}

/// A key of printable bytes, so that it can be a password as well, none of them alike in a row.
///
/// Each test has its own: another test's may come to lie where one of its values was freed.
pub(crate) fn secret(len: usize, test: u32) -> Vec<u8> {
    let mut state = 0x1234_5678_u32 ^ test.wrapping_mul(0x9e37_79b9);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + state.to_be_bytes()[0] % 26
    };
    (0..len).map(|_| next()).collect()
}

/// What the host does before everything ends.
pub(crate) enum Turn<'t> {
    Says(Vec<u8>),
    /// The host reads so many bytes more.
    Reads(usize),
    Leaves,
    /// Somebody else does something.
    Does(&'t dyn Fn(&Setup)),
    /// Nothing: the modem goes on, and by now it has no secret any more. Gaps in its future can have parts of one that
    /// was moved (docs/threat-model.md), so the future is looked at when it ends.
    IsDone,
}
use Turn::{Does, IsDone, Leaves, Reads, Says};

/// Whether it is done.
fn settle(mut future: Pin<&mut impl Future>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    // Doubles wake whom they should; with a waker that does nothing it takes some rounds.
    (0..400).any(|_| future.as_mut().poll(&mut context).is_ready())
}

/// Boots a modem, lets the host take its turns, and drops everything, one after the other.
///
/// `kept`: the secret is a setting, which the modem has while it lives.
fn life(setup: &Setup, turns: &[Turn<'_>], secret: &[u8], kept: bool, what: &str) {
    life_of(setup, turns, &|| vec![secret.to_vec()], kept, what);
}

/// The same for secrets that come up on the way.
pub(crate) fn life_of(
    setup: &Setup,
    turns: &[Turn<'_>],
    secrets: &dyn Fn() -> Vec<Vec<u8>>,
    kept: bool,
    what: &str,
) {
    let lamp = Lamp::new(false);
    let mut buffers = Box::new(ModemBuffers::<1>::new());
    let buffers_at = Place::of(&*buffers);
    let parts = Parts {
        net: &setup.net,
        extras: &NetDouble,
        wifi: &setup.radio,
        flash: setup.flash.clone(),
        rng: Counting::new(),
        clock: Some(&setup.clock),
        board: &setup.chip,
        commands: &lamp,
        product: ProductInfo {
            chip: "ESP32",
            module: "WROOM-32",
            sdk: "bench 1.2",
        },
        legacy: false,
        built: setup.built,
    };
    let booted = block_on(Modem::<Bench, _>::boot(parts, &mut *buffers));
    let mut modem = Box::new(booted.unwrap());
    let modem_at = Place::of(&*modem);
    let (mut rx, mut tx) = (setup.port.clone(), setup.port.clone());
    {
        let mut run = pin!(Some(modem.run(&mut rx, &mut tx)));
        let run_at = Place::of(&*run);
        for turn in turns {
            match turn {
                Says(bytes) => setup.port.feed(bytes),
                Reads(room) => setup.port.give_room(Some(*room)),
                Leaves => setup.port.unplug(),
                Does(does) => does(setup),
                IsDone => {
                    for secret in &secrets() {
                        for (name, place) in [("buffers", buffers_at), ("modem", modem_at)] {
                            let found = place.finds(secret);
                            assert_eq!(found, [], "in the {name} while it runs, after {what}");
                        }
                    }
                }
            }
            if settle(run.as_mut().as_pin_mut().unwrap()) {
                break;
            }
        }
        run.set(None);
        for secret in &secrets() {
            assert_eq!(run_at.finds(secret), [], "in the future after {what}");
        }
    }
    for secret in &secrets() {
        assert_eq!(buffers_at.finds(secret), [], "in buffers after {what}");
        if !kept {
            assert_eq!(modem_at.finds(secret), [], "in the modem after {what}");
        }
    }
    // Freed memory keeps what it had until somebody else gets it: so the copy has its memory before.
    let mut freed = vec![0; modem_at.size];
    drop(modem);
    modem_at.copy_to(&mut freed);
    for secret in &secrets() {
        assert_eq!(
            Place::finds_in(&freed, secret),
            [],
            "in the dropped modem after {what}"
        );
    }
}

fn says<'t>(parts: &[&[u8]]) -> Turn<'t> {
    Says(parts.concat())
}

#[test]
fn of_an_uploaded_key_nothing_stays_however_the_upload_ends() {
    let key = secret(2000, 1);
    let command = format!("AT+SYSFLASH=1,\"client_key\",0,{}\r\n", key.len());
    let values = format!(
        "AT+SYSMFG=2,\"client_key\",\"client_key.0\",8,{}\r\n",
        key.len()
    );
    for (command, with_values) in [(command, false), (values, true)] {
        for cut in (0..key.len()).step_by(97).chain([key.len()]) {
            for leaves in [false, true] {
                let mut setup = Setup::new();
                if with_values {
                    setup.flash = Flash::with_values();
                }
                let (first, rest) = key.split_at(cut);
                let mut turns = vec![says(&[b"ATE0\r\n"]), says(&[command.as_bytes(), first])];
                if leaves {
                    turns.push(Leaves);
                } else {
                    // The last turn is the one that is dropped half-way where `cut` is.
                    turns.push(says(&[&rest[..rest.len() / 2]]));
                }
                life(&setup, &turns, &key, false, &format!("{cut} of {command}"));
            }
        }
    }
}

#[test]
fn of_a_refused_key_nothing_stays() {
    let key = secret(2000, 2);
    for command in [
        "AT+SYSFLASH=1,\"client_key\",8000,2000\r\n",
        "AT+SYSFLASH=1,\"no_key\",0,2000\r\n",
        "AT+SYSMFG=2,\"client_key\",\"client_key.0\",8,2000\r\n",
    ] {
        for echo in ["ATE0\r\n", "ATE1\r\n"] {
            let turns = [
                says(&[echo.as_bytes()]),
                says(&[command.as_bytes(), &key, b"\r\nAT\r\n"]),
            ];
            life(&Setup::new(), &turns, &key, false, command);
        }
    }
}

#[test]
fn of_a_key_that_is_read_nothing_stays_wherever_the_host_stops_reading() {
    let key = secret(2000, 3);
    for with_values in [false, true] {
        for room in [0, 1, 100, 257, 700, 1500, 5000] {
            let mut setup = Setup::new();
            let read = if with_values {
                setup.flash = Flash::with_values();
                // Written by a modem of its own.
                let mut bench = setup.boot().quiet();
                bench.line(format!("AT+SYSMFG=2,\"client_key\",\"k\",8,{}", key.len()));
                bench.say(&key);
                setup = bench.power_off();
                "AT+SYSMFG=1,\"client_key\",\"k\"\r\n".to_owned()
            } else {
                setup.flash.preset("client_key", &key);
                format!("AT+SYSFLASH=2,\"client_key\",0,{}\r\n", key.len())
            };
            let turns = [says(&[b"ATE0\r\n"]), Reads(room), says(&[read.as_bytes()])];
            life(
                &setup,
                &turns,
                &key,
                false,
                &format!("{room} bytes of {read}"),
            );
        }
    }
}

#[test]
fn of_passwords_and_shared_keys_nothing_outlives_the_modem() {
    let password = secret(60, 4);
    let key = &password[..32];
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let password_text = text(&password);
    let key_text = text(key);
    for lines in [
        vec![format!(
            "AT+CWMODE=1\r\nAT+CWJAP=\"iot\",\"{password_text}\"\r\n"
        )],
        vec![
            format!("AT+CWMODE=1\r\nAT+CWJAP=\"iot\",\"{password_text}\"\r\n"),
            "AT+CWJAP=\"iot\",\"other-one\"\r\n".to_owned(),
        ],
        vec![format!(
            "AT+CWMODE=2\r\nAT+CWSAP=\"me\",\"{password_text}\",5,3\r\nAT+CWSAP?\r\n"
        )],
        vec![format!(
            "AT+CIPSSLCPSK=0,\"{key_text}\",\"hint\"\r\nAT+CIPSSLCPSK?\r\n"
        )],
        vec![format!(
            "AT+CIPSSLCPSK=0,\"{key_text}\",\"hint\"\r\nAT+CIPSSLCPSKHEX?\r\n"
        )],
        // A line that is not finished, one that is too long, one with an error.
        vec![format!("AT+CWJAP=\"iot\",\"{password_text}")],
        vec![format!(
            "AT+CWJAP=\"iot\",\"{password_text}\"{}\r\n",
            ",1".repeat(200)
        )],
        vec![format!("AT+CWJAP=\"iot\",\"{password_text}\",,,,,,,,x\r\n")],
    ] {
        for leaves in [false, true] {
            let mut turns = vec![says(&[b"ATE1\r\n"])];
            turns.extend(lines.iter().map(|line| says(&[line.as_bytes()])));
            if leaves {
                turns.push(Leaves);
            }
            let what = format!("{:?}, leaves {leaves}", lines);
            life(&Setup::new(), &turns, &password, true, &what);
        }
    }
}

/// As above, with the modem still running: what it is done with it has not kept until it ends.
#[test]
fn a_modem_that_goes_on_keeps_no_key_that_it_is_done_with() {
    let key = secret(2000, 5);
    let length = key.len();
    for (command, with_values) in [
        (
            format!("AT+SYSFLASH=1,\"client_key\",0,{length}\r\n"),
            false,
        ),
        (
            format!("AT+SYSFLASH=1,\"client_key\",8000,{length}\r\n"),
            false,
        ),
        (
            format!("AT+SYSMFG=2,\"client_key\",\"client_key.0\",8,{length}\r\n"),
            true,
        ),
    ] {
        for echo in ["ATE0\r\n", "ATE1\r\n"] {
            let mut setup = Setup::new();
            if with_values {
                setup.flash = Flash::with_values();
            }
            let read = match with_values {
                false => format!("AT+SYSFLASH=2,\"client_key\",0,{length}\r\n"),
                true => "AT+SYSMFG=1,\"client_key\",\"client_key.0\"\r\n".to_owned(),
            };
            let turns = [
                says(&[echo.as_bytes()]),
                says(&[command.as_bytes(), &key]),
                says(&[b"\r\nAT\r\n"]),
                IsDone,
                says(&[read.as_bytes()]),
                says(&[b"AT\r\n"]),
                IsDone,
            ];
            life(&setup, &turns, &key, false, &format!("{echo}{command}"));
        }
    }
}

/// What a modem that goes on has of a password in `old`, once `new` took its place.
fn replaced(test: u32, old: impl Fn(&str) -> String, new: &str) {
    let password = secret(32, test);
    let old = old(std::str::from_utf8(&password).unwrap());
    for echo in ["ATE0\r\n", "ATE1\r\n"] {
        let turns = [
            says(&[echo.as_bytes(), b"AT+CWMODE=3\r\n"]),
            says(&[old.as_bytes()]),
            says(&[new.as_bytes()]),
            says(&[b"AT\r\n"]),
            IsDone,
        ];
        life(
            &Setup::new(),
            &turns,
            &password,
            false,
            &format!("{echo}{old}"),
        );
    }
}

#[test]
fn a_modem_that_goes_on_keeps_no_passphrase_of_its_own_network_that_was_replaced() {
    replaced(
        7,
        |text| format!("AT+CWSAP=\"me\",\"{text}\",5,3\r\nAT+CWSAP?\r\n"),
        "AT+CWSAP=\"me\",\"another-one\",5,3\r\n",
    );
}

#[test]
fn a_modem_that_goes_on_keeps_no_shared_key_that_was_replaced() {
    replaced(
        8,
        |text| format!("AT+CIPSSLCPSK=\"{text}\",\"hint\"\r\nAT+CIPSSLCPSK?\r\n"),
        "AT+CIPSSLCPSK=\"another-one\",\"hint\"\r\n",
    );
}
