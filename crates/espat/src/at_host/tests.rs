//! A serial line at the wrong rate, on a pseudo-terminal that knows the host's rate.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetattr;

use super::double::{Double, Manners};
use super::{NoModem, Place, Port, Session, find};

/// The module's end of a serial line: what the host sends at another rate arrives as other bytes.
#[derive(Debug)]
struct Wire {
    module: File,
    host: Arc<OwnedFd>,
    rate: u32,
}

impl Wire {
    /// The line, and the device that a host opens.
    fn new(rate: u32) -> (Self, PathBuf) {
        let module = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&module).unwrap();
        unlockpt(&module).unwrap();
        let path = PathBuf::from(ptsname(&module, Vec::new()).unwrap().into_string().unwrap());
        let flags = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
        let host = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(&path)
            .unwrap();
        let wire = Self {
            module: File::from(module),
            host: Arc::new(host.into()),
            rate,
        };
        (wire, path)
    }

    fn other_end(&self) -> Self {
        Self {
            module: self.module.try_clone().unwrap(),
            host: self.host.clone(),
            rate: self.rate,
        }
    }

    fn is_in_step(&self) -> bool {
        tcgetattr(&*self.host).is_ok_and(|it| it.input_speed() == self.rate)
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.module.read(into)?;
        if !self.is_in_step() {
            into.fill(0xfe);
        }
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.module.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_rate_at_which_a_module_answers_is_named() {
    let (wire, path) = Wire::new(921_600);
    let to = wire.other_end();
    thread::spawn(move || Double::default().serve(wire, to, Manners::default()));
    let place = Place::Device(path);
    let open = |baud| Session::new(Port::open(&place, baud, false).unwrap(), Arc::default());
    let mut session = open(115_200);
    match find::find(&mut session) {
        Err(NoModem::OtherRate { asked, answers }) => {
            assert_eq!((asked, answers), (115_200, 921_600));
        }
        other => panic!("{other:?}"),
    }
    drop(session);
    let found = find::find(&mut open(921_600)).unwrap();
    assert_eq!(found.baud, Some(921_600));
}
