//! Uploads to a module that behaves, to one that does not, and through power cuts at every byte.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cert_bin::Image;

use super::*;
use crate::at_host::double::{Double, Flash, Manners};

const OLD: &[u8] = include_bytes!("../../../cert-bin/tests/data/pki/inputs/ca_p256.crt.der");
const NEW: &[u8] = include_bytes!("../../../cert-bin/tests/data/pki/inputs/ca_p384.crt.der");

fn role() -> PartitionRole {
    PartitionRole::from_name("client_ca").unwrap()
}

fn sources(contents: &[&[u8]]) -> Vec<Source> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..contents.len())
        .map(|number| folder.path().join(format!("{number}.der")))
        .collect();
    for (path, content) in paths.iter().zip(contents) {
        std::fs::write(path, content).unwrap();
    }
    source::read(role(), &paths).unwrap()
}

/// As the command loads them without options.
fn task(sources: &[Source]) -> Task<'_> {
    Task {
        role: role(),
        sources,
        force: false,
        dry_run: false,
        device: None,
    }
}

fn push_to(double: &Double, manners: Manners, contents: &[&[u8]]) -> Result<Pushed, PushError> {
    let sources = sources(contents);
    let task = task(&sources);
    let port = double.open(manners);
    push(port, Arc::default(), &task, &mut |_| {}, &|_| {
        Progress::hidden()
    })
}

/// What the module would use: contents by number, if its flash holds an image or values.
fn held(flash: &Flash) -> Vec<Vec<u8>> {
    match flash.partitions.get("client_ca") {
        Some(bytes) => Image::parse(bytes)
            .map(|image| image.items().map(|it| it.content.to_vec()).collect())
            .unwrap_or_default(),
        None => flash.values.values().cloned().collect(),
    }
}

fn modules() -> [Double; 2] {
    // 4 KiB: ESP32-C2 with 2 MiB of flash.
    [
        Double::with_partition("client_ca", 0x1000),
        Double::default(),
    ]
}

#[test]
fn items_are_loaded_compared_and_not_loaded_twice() {
    for module in modules() {
        let pushed = push_to(&module, Manners::default(), &[OLD, NEW]).unwrap();
        assert!(pushed.written);
        assert_eq!(held(&module.flash()), [OLD, NEW]);
        let again = push_to(&module, Manners::default(), &[OLD, NEW]).unwrap();
        assert!(!again.written);
        // Fewer items leave none of the old ones.
        assert!(
            push_to(&module, Manners::default(), &[NEW])
                .unwrap()
                .written
        );
        assert_eq!(held(&module.flash()), [NEW]);
    }
}

#[test]
fn the_header_is_written_last() {
    let module = Double::with_partition("client_ca", 0x2000);
    push_to(&module, Manners::default(), &[NEW]).unwrap();
    let writes = module.seen();
    let mut writes = writes.iter().filter(|it| it.starts_with("AT+SYSFLASH=1"));
    assert!(
        writes
            .next()
            .unwrap()
            .starts_with("AT+SYSFLASH=1,\"client_ca\",8,")
    );
    assert_eq!(writes.next().unwrap(), "AT+SYSFLASH=1,\"client_ca\",0,8");
    assert_eq!(writes.next(), None);
}

#[test]
fn a_module_in_any_state_is_loaded() {
    let boot = b"\xff\xfe\x80rst:0x1 (POWERON_RESET)\r\nets Jul 29 2019\r\n\r\nready\r\n";
    let states = [
        Manners {
            echo: true,
            ..Manners::default()
        },
        Manners {
            boot_text: boot.to_vec(),
            echo: true,
            ..Manners::default()
        },
        Manners {
            busy: 4,
            ..Manners::default()
        },
        Manners {
            prompt: "> ",
            ..Manners::default()
        },
        Manners {
            in_upload: 700,
            ..Manners::default()
        },
        Manners {
            chatter: "WIFI DISCONNECT\r\n+IPD,0,4\r\n",
            ..Manners::default()
        },
    ];
    for manners in states {
        for module in modules() {
            let pushed = push_to(&module, manners.clone(), &[NEW]);
            assert!(pushed.is_ok_and(|it| it.written), "{manners:?}");
            assert_eq!(held(&module.flash()), [NEW], "{manners:?}");
            let last = module.seen().pop().unwrap();
            assert_eq!(last == "ATE1", manners.echo, "{manners:?}: {last}");
        }
    }
}

#[test]
fn a_module_that_stays_busy_is_called_so() {
    let manners = Manners {
        busy: usize::MAX,
        ..Manners::default()
    };
    let error = push_to(&Double::default(), manners, &[NEW]).unwrap_err();
    assert!(error.to_string().contains("stays busy"), "{error:#}");
}

#[test]
fn a_power_cut_at_any_byte_leaves_old_new_or_a_reported_erased_partition() {
    for module in modules() {
        push_to(&module, Manners::default(), &[OLD]).unwrap();
        let old = module.flash().clone();
        let mut cut_after = 0;
        let mut reported = std::collections::BTreeSet::new();
        loop {
            *module.flash() = old.clone();
            let manners = Manners {
                cut_after,
                ..Manners::default()
            };
            let Err(error) = push_to(&module, manners, &[NEW]) else {
                break;
            };
            let holds = error.holds().unwrap_or(Holds::Old);
            let held = held(&module.flash());
            let (is_old, is_new, is_none) = (held == [OLD], held == [NEW], held.is_empty());
            let is_reported = match holds {
                Holds::Old => is_old,
                Holds::OldOrNothing => is_old || is_none,
                Holds::Nothing => is_none,
                Holds::NothingOrNew => is_none || is_new,
                Holds::Some { .. } => is_old || is_new,
                Holds::New => is_new,
            };
            assert!(is_reported, "cut after {cut_after}: {error}, {holds:?}");
            reported.insert(holds.code());
            cut_after += 1;
        }
        assert!(cut_after > NEW.len(), "{cut_after}");
        assert!(reported.len() >= 3, "{reported:?}");
        // And the last state before the end is mended by the same command.
        assert!(push_to(&module, Manners::default(), &[NEW]).is_ok());
        assert_eq!(held(&module.flash()), [NEW]);
    }
}

#[test]
fn what_a_module_refuses_is_said_with_the_state_of_its_flash() {
    for (refuses, code, holds) in [
        ("AT+SYSFLASH?", "module_refused", "old"),
        ("AT+SYSFLASH=0", "module_refused", "old"),
        ("AT+SYSFLASH=1", "module_refused", "erased"),
    ] {
        let module = Double::with_partition("client_ca", 0x1000);
        let manners = Manners {
            refuses,
            ..Manners::default()
        };
        let error = push_to(&module, manners, &[NEW]).unwrap_err();
        let found = (error.code(), error.holds().map(Holds::code));
        assert_eq!(found, (code, Some(holds)), "{refuses}");
    }
}

#[test]
fn worn_flash_is_noticed() {
    let module = Double::with_partition("client_ca", 0x1000);
    for worn in [1, 0xff] {
        let manners = Manners {
            worn,
            ..Manners::default()
        };
        let at = match push_to(&module, manners, &[NEW]) {
            Err(PushError::Differs { at }) => at,
            other => panic!("{other:?}"),
        };
        assert_eq!(at, "byte 100");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_erased() {
    for (module, contents) in [
        (Double::with_partition("client_ca", 0x100), vec![NEW]),
        (Double::with_partition("client_cert", 0x2000), vec![NEW]),
        (Double::default(), vec![NEW; 250]),
    ] {
        let error = push_to(&module, Manners::default(), &contents).unwrap_err();
        assert!(
            matches!(error.code(), "too_big" | "no_partition"),
            "{error}"
        );
        let changed = module.seen();
        let mut changed = changed
            .iter()
            .filter(|it| it.contains("=0,") || it.contains("=2,\"cl"));
        assert_eq!(changed.next(), None);
    }
}

#[test]
fn a_silent_port_and_noise_are_distinguished() {
    let silent = Manners {
        ignores: "",
        ..Manners::default()
    };
    let noisy = Manners {
        chatter: "\x07\x1b~~\u{80}",
        refuses: "",
        ..Manners::default()
    };
    for (manners, wanted) in [(silent, "no module answers. Is it"), (noisy, "bytes come")] {
        let error = push_to(&Double::default(), manners, &[NEW]).unwrap_err();
        assert_eq!(error.code(), "no_module");
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn an_interrupt_ends_the_upload_between_two_commands() {
    let module = Double::with_partition("client_ca", 0x1000);
    push_to(&module, Manners::default(), &[OLD]).unwrap();
    let interrupt: Arc<AtomicBool> = Arc::default();
    let sources = sources(&[NEW]);
    let task = task(&sources);
    // The bar is made before the first byte is erased.
    let pressed = |_| {
        interrupt.store(true, std::sync::atomic::Ordering::Relaxed);
        Progress::hidden()
    };
    let port = module.open(Manners {
        echo: true,
        ..Manners::default()
    });
    let result = push(port, interrupt.clone(), &task, &mut |_| {}, &pressed);
    let error = result.unwrap_err();
    assert_eq!(
        (error.code(), error.holds()),
        ("interrupted", Some(Holds::Old))
    );
    assert_eq!(held(&module.flash()), [OLD]);
    assert_eq!(module.seen().pop().unwrap(), "ATE1");
}

#[test]
fn a_lint_error_refuses_and_force_overrides_it() {
    let module = Double::with_partition("client_ca", 0x1000);
    let sources = sources(&[b"not a certificate"]);
    for force in [false, true] {
        let task = Task {
            force,
            dry_run: true,
            ..task(&sources)
        };
        let port = module.open(Manners::default());
        let mut remarks = 0;
        let mut remark = |_| remarks += 1;
        let pushed = push(port, Arc::default(), &task, &mut remark, &|_| {
            Progress::hidden()
        });
        match pushed {
            Err(error) => assert_eq!((error.code(), force), ("lint", false)),
            Ok(pushed) => assert!(force && !pushed.written),
        }
        assert_eq!(remarks, 1);
    }
}

/// Says `first`, and then the same without end.
#[derive(Debug)]
struct Endless {
    first: &'static [u8],
    then: &'static [u8],
    given: usize,
}

impl std::io::Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let first = std::mem::take(&mut self.first).iter();
        let bytes = first.chain(self.then.iter().cycle());
        for (place, byte) in into.iter_mut().zip(bytes) {
            *place = *byte;
        }
        self.given += into.len();
        assert!(self.given < 1 << 20, "it is listened to without end");
        Ok(into.len())
    }
}

impl std::io::Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_module_that_talks_without_end_is_given_up() {
    for then in [b"x".as_slice(), b"a line\r\n", b"+SYSFLASH:9,"] {
        let module = Endless {
            first: b"\r\nOK\r\n",
            then,
            given: 0,
        };
        let sources = sources(&[NEW]);
        let task = task(&sources);
        let silent = |_| Progress::hidden();
        let port = Port::of(module);
        let error = push(port, Arc::default(), &task, &mut |_| {}, &silent).unwrap_err();
        assert_eq!(error.code(), "port_failed", "{error}");
        assert_eq!(error.holds(), Some(Holds::Old));
    }
}
