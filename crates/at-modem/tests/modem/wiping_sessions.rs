//! What is left in memory of sessions, read back however they end.

use std::cell::RefCell;

use tls_doubles::script::{Script, Step};
use tls_doubles::server::Server;

use crate::support::Setup;
use crate::support::net::Door;
use crate::wiping::Turn::{Does, Leaves, Says};
use crate::wiping::{Turn, life_of, secret};

const PEER: &str = "192.168.3.102:8883";

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    ByTheServer,
    ByAnAlert,
    ByACut,
    ByTheHost,
    /// The host is gone, and the modem stops.
    WithThePort,
    ByARestart,
    /// The modem is dropped where it is.
    Dropped,
}

/// What the doubles have in hand.
struct Scene {
    server: RefCell<Server>,
    /// What the server sends and what the host sends.
    data: [Vec<u8>; 2],
    key: Vec<u8>,
}

impl Scene {
    fn new(script: impl FnOnce(&[u8]) -> Script, test: u32) -> Self {
        let key = secret(32, test);
        Self {
            server: RefCell::new(Server::new(script(&key))),
            data: [secret(300, test + 1), secret(300, test + 2)],
            key,
        }
    }

    /// Lets the server hear and speak.
    fn goes_on(&self, setup: &Setup) {
        if setup.net.connections() == 0 {
            return;
        }
        let (peer, mut server) = (setup.net.peer(), self.server.borrow_mut());
        server.receive(&peer.received());
        let bytes = server.take_output();
        if !bytes.is_empty() {
            peer.sends(&bytes);
        }
    }

    fn secrets(&self) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = self.data.to_vec();
        let server = self.server.borrow();
        all.extend(server.secrets().iter().map(|it| it.to_vec()));
        all
    }
}

fn line(text: &str) -> Turn<'static> {
    Says(format!("{text}\r\n").into_bytes())
}

/// A session until so many flights of the server have gone, and its end.
fn ends(scene: &Scene, flights: usize, end: End) {
    let goes_on = |setup: &Setup| scene.goes_on(setup);
    let sends = |setup: &Setup| {
        scene.server.borrow_mut().send_app(&scene.data[0]);
        scene.goes_on(setup);
    };
    let ends = |setup: &Setup| {
        if setup.net.connections() == 0 {
            return;
        }
        match end {
            End::ByTheServer => setup.net.peer().closes(),
            End::ByAnAlert => setup.net.peer().sends(&[21, 3, 3, 0, 2, 2, 80]),
            _ => setup
                .net
                .peer()
                .breaks(embedded_io_async::ErrorKind::ConnectionReset),
        }
    };
    let setup = Setup::new();
    setup.net.door(PEER, Door::Sink);
    let key = String::from_utf8(scene.key.clone()).unwrap();
    let mut turns = vec![
        line("ATE0"),
        line("AT+CWMODE=1"),
        line("AT+CWJAP=\"iot\",\"\""),
        line(&format!("AT+CIPSSLCPSK=\"{key}\",\"id\"")),
        line("AT+CIPSTART=\"SSL\",\"192.168.3.102\",8883"),
    ];
    turns.extend((0..flights).map(|_| Does(&goes_on)));
    if flights > 3 {
        turns.extend([line("AT+CIPSEND=300"), Says(scene.data[1].clone())]);
        turns.extend([Does(&goes_on), Does(&sends), Does(&goes_on)]);
    }
    match end {
        End::ByTheHost => turns.push(line("AT+CIPCLOSE")),
        End::WithThePort => turns.push(Leaves),
        End::ByARestart => turns.push(line("AT+RST")),
        End::Dropped => {}
        _ => turns.extend([Does(&ends), Does(&goes_on)]),
    }
    let what = format!("{flights} flights, end {end:?}");
    life_of(&setup, &turns, &|| scene.secrets(), false, &what);
    if flights > 3 {
        // Otherwise nothing was there to be found.
        let server = scene.server.borrow();
        assert_eq!(server.secrets().len(), 3, "{what}");
        assert_eq!(server.seen().app, scene.data[1], "{what}");
    }
}

#[test]
fn of_a_session_nothing_stays_however_it_ends() {
    for end in [
        End::ByTheServer,
        End::ByAnAlert,
        End::ByACut,
        End::ByTheHost,
        End::WithThePort,
        End::ByARestart,
        End::Dropped,
    ] {
        for flights in 0..5 {
            let scene = Scene::new(Script::psk, 20);
            ends(&scene, flights, end);
            // A server that does not know the key, and one that says nothing more.
            let scene = Scene::new(|_| Script::psk(b"another key of a server"), 30);
            ends_refused(&scene, end);
            let scene = Scene::new(|key| Script::psk(key).until(20, Step::Stall), 40);
            ends_refused(&scene, end);
        }
    }
}

/// The same for a session that does not open.
fn ends_refused(scene: &Scene, end: End) {
    ends(scene, 3, end);
}
