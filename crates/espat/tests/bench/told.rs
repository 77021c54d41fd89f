//! What happens is told to who asked, as words or as JSON.

use std::net::TcpListener;

use serde_json::Value;

use crate::sim::Sim;

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
