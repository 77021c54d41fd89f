//! What happens is told to who asked, as words or as JSON.

use std::net::TcpListener;

use serde_json::Value;

use crate::sim::{Host, Panel, Sim};

#[test]
fn a_subscriber_hears_what_happens_in_its_order() {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = peer.local_addr().expect("bound");
    let map = format!("broker.local:80={place}");
    let (sim, mut host, mut panel) = Sim::over_tcp(&["--map", &map]);
    let mut ear = sim.panel();
    ear.does("subscribe station dns connect close modem");
    host.join();
    host.ok("AT+CIPSTART=\"TCP\",\"broker.local\",80");
    panel.does("ap down iot");
    host.until("CLOSED\r\n");
    host.send("AT+RST\r\n");
    // Times differ; the rest does not.
    let mut next = || {
        let line = ear.line();
        let (kind, rest) = line.split_once(" at=").expect("a time");
        let (at, rest) = rest.split_once(' ').expect("fields");
        assert!(at.parse::<u64>().is_ok(), "{line}");
        format!("{kind} {rest}")
    };
    let mut heard: Vec<String> = Vec::new();
    while heard
        .last()
        .is_none_or(|last| last != "event modem state=booted")
    {
        heard.push(next());
    }
    for event in [
        "event station state=joining ssid=iot address=0.0.0.0",
        "event station state=up ssid=iot address=192.168.3.112",
        "event dns name=broker.local address=198.18.0.1",
        &format!("event connect peer=broker.local:80 via={place} result=open"),
        "event station state=lost ssid=\"\" address=0.0.0.0",
        "event close peer=broker.local:80 received=0 sent=0",
        "event modem state=restarting",
        "event modem state=booted",
    ] {
        assert!(heard.iter().any(|it| it == event), "{event}: {heard:#?}");
    }
}

#[test]
fn events_are_json_for_who_asked_in_json() {
    let (sim, mut host, mut panel) = Sim::over_tcp(&[]);
    let mut ear = sim.panel();
    let answer = ear.ask(r#"{"command":"subscribe station"}"#);
    assert_eq!(answer, r#"{"result":"ok","value":""}"#);
    host.join();
    let states: Vec<Value> = (0..2)
        .map(|_| serde_json::from_str(&ear.line()).expect("JSON"))
        .collect();
    for (event, state) in states.iter().zip(["joining", "up"]) {
        assert_eq!(event.get("event"), Some(&"station".into()), "{event}");
        assert_eq!(event.get("state"), Some(&state.into()), "{event}");
        assert!(event.get("at").is_some_and(Value::is_u64), "{event}");
    }
    let status: Value = serde_json::from_str(&panel.ask(r#"{"command":"status"}"#)).expect("JSON");
    let expected: Value = serde_json::from_str(
        r#"{"result":"ok","value":{"station":"up","ssid":"iot","address":"192.168.3.112",
            "aps":[{"ssid":"iot","dbm":-40,"up":true}],"stations":0,"mdns":""}}"#,
    )
    .expect("JSON");
    assert_eq!(status, expected);
    assert!(
        ear.ask("subscribe nothing")
            .starts_with("error: nothing is none of modem")
    );
}

/// What a subscriber to `reason` is told next, without its time.
fn next_reason(ear: &mut Panel) -> String {
    let line = ear.line();
    let (kind, rest) = line.split_once(" at=").expect("a time");
    assert_eq!(kind, "event reason", "{line}");
    let (_, fields) = rest.split_once(' ').expect("fields");
    fields.to_owned()
}

/// `code`, and the rest as the one line of `AT+SSLWHY?` for this link has it.
fn why(host: &mut Host, link: &str) -> String {
    let answer = host.ok("AT+SSLWHY?");
    let head = format!("+SSLWHY:{link},");
    let line = answer.lines().find_map(|line| line.strip_prefix(&head));
    line.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn why_a_session_was_refused_is_told_as_sslwhy_says_it() {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = peer.local_addr().expect("bound").port();
    let (sim, mut host, mut panel) = Sim::over_tcp(&[]);
    let (mut words, mut json) = (sim.panel(), sim.panel());
    words.does("subscribe reason");
    json.ask(r#"{"command":"subscribe reason"}"#);
    host.join();
    let open = format!("AT+CIPSTART=\"SSL\",\"127.0.0.1\",{port}");
    panel.does("tls alert handshake_failure");
    assert!(host.ask(&open).ends_with("ERROR\r\n"));
    host.ok("AT+CIPSSLCCONF=2,0,0");
    // No CA is loaded.
    assert!(host.ask(&open).ends_with("ERROR\r\n"));
    for code in ["nothing_in_common", "ca_erased"] {
        let told = next_reason(&mut words);
        let head = format!("result=refused link=0 code={code} stage=");
        assert!(told.starts_with(&head), "{told}");
        let object: Value = serde_json::from_str(&json.line()).expect("JSON");
        assert_eq!(object["event"], "reason", "{object}");
        assert_eq!(object["code"], code, "{object}");
        assert_eq!(object["result"], "refused", "{object}");
        if code == "ca_erased" {
            let text = |name: &str| object[name].as_str().expect("text").to_owned();
            let [stage, mbedtls, flags, depth] = ["stage", "mbedtls", "flags", "depth"].map(text);
            let [subject, wanted, words] = ["subject", "wanted", "text"].map(text);
            let line = format!(
                "\"{stage}\",{mbedtls},{flags},{depth},\"{subject}\",\"{wanted}\",\"{words}\",\"{code}\""
            );
            assert_eq!(line, why(&mut host, "0"));
        }
    }
}

#[test]
fn why_a_link_ended_and_a_command_was_refused_is_told_too() {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = peer.local_addr().expect("bound").port();
    let (sim, mut host, mut panel) = Sim::over_tcp(&[]);
    let mut ear = sim.panel();
    ear.does("subscribe reason");
    host.join();
    host.ok(&format!("AT+CIPSTART=\"TCP\",\"127.0.0.1\",{port}"));
    panel.does("peer reset");
    host.until("CLOSED\r\n");
    let told = next_reason(&mut ear);
    assert!(told.starts_with("result=ended link=0 code="), "{told}");
    // A link number where there is a single link, which is number 0.
    assert!(
        host.ask("AT+CIPSTART=1,\"SSL\",\"h\",1")
            .ends_with("ERROR\r\n")
    );
    let told = next_reason(&mut ear);
    assert!(
        told.contains("result=\"command refused\" link=0 code=link_unwanted"),
        "{told}"
    );
    host.ok("AT+CIPMUX=1");
    assert!(host.ask("AT+CIPSERVER=1,1,\"SSL\"").ends_with("ERROR\r\n"));
    let told = next_reason(&mut ear);
    assert!(
        told.starts_with("result=\"server refused\" link=-1 code="),
        "{told}"
    );
}
