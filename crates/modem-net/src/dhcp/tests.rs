use super::*;

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 4, 1);
const POOL: Pool = Pool {
    server: SERVER,
    router: SERVER,
    netmask: Ipv4Addr::new(255, 255, 255, 0),
    first: Ipv4Addr::new(192, 168, 4, 2),
    last: Ipv4Addr::new(192, 168, 4, 4),
    seconds: 7200,
};
const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const STATIONS: usize = 3;

const fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 4, last)
}

const fn mac(number: u8) -> Mac {
    [2, 0, 0, 0, 0, number]
}

fn server() -> Server<STATIONS> {
    let mut server = Server::new();
    server.lend(Some(POOL));
    server
}

/// A question of station `number` that has the address `own`.
fn question(number: u8, kind: u8, own: Ipv4Addr, options: &[(u8, &[u8])]) -> std::vec::Vec<u8> {
    let mut message = vec![1, 1, 6, 0, 0xca, 0xfe, 0, number, 0, 3, 0x80, 0];
    message.extend(own.octets());
    message.extend([0; 12]);
    message.extend(mac(number));
    message.resize(236, 0);
    message.extend(COOKIE);
    for (number, value) in [(option::KIND, &[kind][..])].iter().chain(options) {
        message.extend([*number, u8::try_from(value.len()).unwrap()]);
        message.extend(*value);
    }
    message.push(option::END);
    message
}

/// What an answer says: its kind, the address, whether it goes to all, and who has got what.
type Said = (u8, Ipv4Addr, bool, Option<(Mac, Ipv4Addr)>);

fn said(answer: Option<Answer>) -> Option<Said> {
    let answer = answer?;
    let message = &answer.message;
    assert_eq!(message[..4], [2, 1, 6, 0]);
    assert_eq!(message[236..240], COOKIE);
    assert_eq!(message[240..242], [option::KIND, 1]);
    assert_eq!(message[243..249], [54, 4, 192, 168, 4, 1]);
    assert_eq!(answer.to.port(), 68);
    let lent: [u8; 4] = message[16..20].try_into().unwrap();
    Some((
        message[242],
        lent.into(),
        *answer.to.ip() == Ipv4Addr::BROADCAST,
        answer.bound,
    ))
}

fn discover(server: &mut Server<STATIONS>, number: u8, now: u32) -> Option<Ipv4Addr> {
    let (kind, lent, all, bound) = said(server.receive(&question(number, 1, ANY, &[]), now))?;
    assert_eq!((kind, all, bound), (2, true, None));
    Some(lent)
}

/// True if it was acknowledged.
fn request(server: &mut Server<STATIONS>, number: u8, wanted: Ipv4Addr, now: u32) -> bool {
    let wants = wanted.octets();
    let asked = question(number, 3, ANY, &[(50, &wants), (54, &SERVER.octets())]);
    match said(server.receive(&asked, now)).unwrap() {
        (5, lent, true, Some(bound)) => {
            assert_eq!((lent, bound), (wanted, (mac(number), wanted)));
            true
        }
        (6, ANY, true, None) => false,
        other => panic!("{other:?}"),
    }
}

fn join(server: &mut Server<STATIONS>, number: u8, now: u32) -> Option<Ipv4Addr> {
    let offered = discover(server, number, now)?;
    assert!(request(server, number, offered, now));
    Some(offered)
}

#[test]
fn an_acknowledgement_has_these_bytes() {
    let mut server = server();
    discover(&mut server, 7, 0);
    let wanted = question(7, 3, ANY, &[(50, &[192, 168, 4, 2])]);
    let answer = server.receive(&wanted, 0).unwrap();
    let mut expected = vec![2, 1, 6, 0, 0xca, 0xfe, 0, 7, 0, 0, 0x80, 0, 0, 0, 0, 0];
    expected.extend([192, 168, 4, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 7]);
    expected.resize(236, 0);
    expected.extend([99, 130, 83, 99, 53, 1, 5, 54, 4, 192, 168, 4, 1]);
    expected.extend([1, 4, 255, 255, 255, 0, 3, 4, 192, 168, 4, 1]);
    expected.extend([51, 4, 0, 0, 0x1c, 0x20, 255]);
    expected.resize(300, 0);
    assert_eq!(answer.message[..], expected);
}

#[test]
fn stations_get_addresses_of_their_own_and_keep_them() {
    let mut server = server();
    assert_eq!(join(&mut server, 1, 0), Some(address(2)));
    assert_eq!(join(&mut server, 2, 0), Some(address(3)));
    assert_eq!(server.address_of(mac(2)), Some(address(3)));
    // Asked again, long after the lease was over, and after it was away.
    assert_eq!(join(&mut server, 1, 9000), Some(address(2)));
    server.left(mac(1));
    assert_eq!(server.address_of(mac(1)), None);
    assert_eq!(join(&mut server, 3, 9000), Some(address(4)));
    assert_eq!(join(&mut server, 1, 9000), Some(address(2)));
}

#[test]
fn a_full_pool_gives_what_nobody_has_any_more() {
    let mut server = server();
    for number in 1..=3 {
        assert!(join(&mut server, number, 0).is_some());
    }
    assert_eq!(discover(&mut server, 4, 7199), None);
    server.left(mac(2));
    assert_eq!(join(&mut server, 4, 7199), Some(address(3)));
    // Who had it before gets another one when there is one.
    assert_eq!(discover(&mut server, 2, 7199), None);
    assert_eq!(join(&mut server, 2, 7200), Some(address(2)));
    assert_eq!(server.address_of(mac(1)), None);
    assert!(!request(&mut server, 1, address(2), 7200));
}

#[test]
fn an_offer_is_kept_for_a_minute() {
    let mut server = server();
    for number in 1..=3 {
        assert!(discover(&mut server, number, 100).is_some());
    }
    assert_eq!(discover(&mut server, 4, 159), None);
    assert_eq!(discover(&mut server, 4, 160), Some(address(2)));
}

#[test]
fn the_wanted_address_is_given_if_it_is_free() {
    let mut server = server();
    let wanted = question(1, 1, ANY, &[(50, &[192, 168, 4, 4])]);
    assert_eq!(said(server.receive(&wanted, 0)).unwrap().1, address(4));
    // Taken, our own, of another network.
    for (number, last) in [(2, [192, 168, 4, 4]), (3, [192, 168, 4, 1])] {
        let asked = question(number, 1, ANY, &[(50, &last)]);
        assert_eq!(said(server.receive(&asked, 0)).unwrap().1, address(number));
    }
}

#[test]
fn a_station_that_comes_back_is_acknowledged_or_answer_to_ask_anew() {
    let mut server = server();
    // We were restarted, it was not: nobody has that address, so it keeps it.
    assert!(request(&mut server, 1, address(4), 0));
    // Of another network, somebody else's, our own.
    assert!(!request(&mut server, 2, Ipv4Addr::new(10, 0, 0, 5), 0));
    assert!(!request(&mut server, 2, address(4), 0));
    assert!(!request(&mut server, 2, address(1), 0));
}

#[test]
fn a_lease_is_renewed_from_the_address_itself() {
    let mut server = server();
    assert_eq!(join(&mut server, 1, 0), Some(address(2)));
    let renewal = question(1, 3, address(2), &[]);
    let answer = server.receive(&renewal, 5000).unwrap();
    assert_eq!(answer.to, SocketAddrV4::new(address(2), 68));
    assert_eq!(answer.message[12..16], [192, 168, 4, 2]);
    assert_eq!(answer.bound, Some((mac(1), address(2))));
    for number in 2..=3 {
        assert!(join(&mut server, number, 5000).is_some());
    }
    assert_eq!(discover(&mut server, 4, 12_199), None);
    // Of an address it has not got: to all, as that address is not its own.
    let foreign = question(1, 3, address(3), &[]);
    assert_eq!(
        said(server.receive(&foreign, 5000)),
        Some((6, ANY, true, None))
    );
}

#[test]
fn what_is_given_back_or_refused_is_not_lent_as_before() {
    let mut server = server();
    assert_eq!(join(&mut server, 1, 0), Some(address(2)));
    // Given back.
    assert_eq!(server.receive(&question(1, 7, address(2), &[]), 0), None);
    assert_eq!(server.address_of(mac(1)), None);
    assert_eq!(join(&mut server, 1, 0), Some(address(2)));
    // Somebody has it already.
    let declined = question(1, 4, ANY, &[(50, &[192, 168, 4, 2])]);
    assert_eq!(server.receive(&declined, 0), None);
    assert_eq!(join(&mut server, 1, 0), Some(address(3)));
    assert_eq!(join(&mut server, 2, 0), Some(address(4)));
    assert_eq!(discover(&mut server, 3, 0), None);
    assert_eq!(discover(&mut server, 3, 7200), Some(address(2)));
}

#[test]
fn who_chose_another_server_is_not_answered() {
    let mut server = server();
    assert_eq!(discover(&mut server, 1, 0), Some(address(2)));
    let elsewhere = [(50, &[192, 168, 4, 2][..]), (54, &[192, 168, 4, 9][..])];
    assert_eq!(server.receive(&question(1, 3, ANY, &elsewhere), 0), None);
    for number in 2..=4 {
        assert!(join(&mut server, number, 0).is_some(), "{number}");
    }
}

#[test]
fn an_address_of_its_own_is_answer_the_rest() {
    let mut server = server();
    let answer = server
        .receive(&question(1, 8, address(200), &[]), 0)
        .unwrap();
    assert_eq!(answer.to, SocketAddrV4::new(address(200), 68));
    assert_eq!((answer.bound, answer.message[242]), (None, 5));
    assert_eq!(answer.message[16..20], [0; 4]);
    assert_eq!(server.receive(&question(1, 8, ANY, &[]), 0), None);
}

#[test]
fn another_network_forgets_what_is_not_of_it() {
    let mut server = server();
    for number in 1..=2 {
        assert!(join(&mut server, number, 0).is_some());
    }
    let first = address(3);
    server.lend(Some(Pool { first, ..POOL }));
    assert_eq!(server.address_of(mac(1)), None);
    assert_eq!(server.address_of(mac(2)), Some(address(3)));
    server.lend(None);
    assert_eq!(server.address_of(mac(2)), None);
    assert_eq!(discover(&mut server, 1, 0), None);
}

#[test]
fn a_pool_of_one_address_and_one_that_is_our_own() {
    let mut server = server();
    let (first, last) = (SERVER, SERVER);
    server.lend(Some(Pool {
        first,
        last,
        ..POOL
    }));
    assert_eq!(discover(&mut server, 1, 0), None);
    let last = address(2);
    server.lend(Some(Pool {
        first,
        last,
        ..POOL
    }));
    assert_eq!(join(&mut server, 1, 0), Some(address(2)));
    assert_eq!(discover(&mut server, 2, 0), None);
}

/// Every cut, every byte at every place of a message: it may be answered or not, and afterwards the server
/// still serves.
#[test]
fn no_byte_is_too_much() {
    let wants = [(50, &[192, 168, 4, 3][..]), (54, &[192, 168, 4, 1][..])];
    for kind in [1, 3, 4, 7, 8] {
        let good = question(1, kind, ANY, &wants);
        let mut server = server();
        // The last byte only says that the message is at its end.
        for length in 0..good.len() {
            let answer = server.receive(good.get(..length).unwrap(), 0);
            assert!(answer.is_none() || length >= 243, "{kind}, {length}");
        }
        for place in 0..good.len() {
            for value in 0..=255 {
                let mut message = good.clone();
                *message.get_mut(place).unwrap() = value;
                let answer = server.receive(&message, 0);
                assert!(answer.is_none_or(|answer| answer.message[0] == 2));
            }
        }
        let mut server = self::server();
        assert!(join(&mut server, 9, 0).is_some());
    }
}

#[test]
fn what_is_no_question_of_a_station_is_not_answered() {
    // An answer, another medium, another length, a relay, a group's address, another protocol.
    for (place, value) in [(0, 2), (1, 6), (2, 16), (24, 10), (28, 3), (236, 98)] {
        let mut message = question(1, 1, ANY, &[]);
        *message.get_mut(place).unwrap() = value;
        assert_eq!(server().receive(&message, 0), None, "byte {place}");
    }
    // What a server says.
    for kind in [0, 2, 5, 6, 9, 255] {
        assert_eq!(server().receive(&question(1, kind, ANY, &[]), 0), None);
    }
}
