//! What happens in and around the modem, for who asked to be told: `subscribe` of the control port.
//!
//! ```text
//! event station at=1432 state=up ssid=iot address=192.168.3.112
//! {"event":"station","at":1432,"state":"up","ssid":"iot","address":"192.168.3.112"}
//! ```
//!
//! A subscriber that does not read keeps nobody waiting: the oldest events are lost, and their number is told.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use embassy_time::Instant;
use serde_json::{Map, Value};

/// Events that wait for a subscriber; a test that is that far behind has other troubles.
const WAITING_MAX: usize = 1024;

/// Every kind, as `subscribe` takes it.
pub const KINDS: [&str; 11] = [
    "modem", "host", "station", "guest", "dns", "connect", "accept", "listen", "close", "reason",
    "flash",
];

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    kind: &'static str,
    /// Milliseconds of the modem's clock.
    at: u64,
    fields: Vec<(&'static str, String)>,
}

impl Event {
    /// Of one of [`KINDS`], now.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self {
            kind,
            at: Instant::now().as_millis(),
            fields: Vec::new(),
        }
    }

    /// With another field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// `event KIND at=MS NAME=VALUE …`; a value that is not one plain word stands in quotes.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut line = format!("event {} at={}", self.kind, self.at);
        for (name, value) in &self.fields {
            let plain = |character: char| {
                character.is_ascii_graphic() && !matches!(character, '"' | '\\' | '=')
            };
            let word = if !value.is_empty() && value.chars().all(plain) {
                value.clone()
            } else {
                format!("{value:?}")
            };
            line.push_str(&format!(" {name}={word}"));
        }
        line
    }

    /// One JSON object: `event`, `at` as a number, and the fields as strings.
    #[must_use]
    pub fn in_json(&self) -> String {
        let mut object = Map::new();
        object.insert("event".to_owned(), self.kind.into());
        object.insert("at".to_owned(), self.at.into());
        for (name, value) in &self.fields {
            object.insert((*name).to_owned(), value.as_str().into());
        }
        Value::Object(object).to_string()
    }
}

/// Where events are told. Clones are the same place.
#[derive(Debug, Clone, Default)]
pub struct Events(Rc<RefCell<Vec<Weak<Queue>>>>);

#[derive(Debug)]
struct Queue {
    /// None of them means every kind.
    kinds: Vec<&'static str>,
    waiting: RefCell<VecDeque<Event>>,
    lost: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

/// The events of one subscriber, until it is dropped.
#[derive(Debug)]
pub struct Subscription(Rc<Queue>);

impl Events {
    /// Tells everyone who asked for this kind.
    pub fn tell(&self, event: &Event) {
        let mut queues = self.0.borrow_mut();
        queues.retain(|queue| queue.strong_count() > 0);
        for queue in queues.iter().filter_map(Weak::upgrade) {
            if queue.kinds.is_empty() || queue.kinds.contains(&event.kind) {
                queue.push(event.clone());
            }
        }
    }

    /// From here on these kinds, or all if none is named.
    ///
    /// # Errors
    ///
    /// A sentence: there is no such kind.
    pub fn subscribe<'a>(
        &self,
        kinds: impl IntoIterator<Item = &'a str>,
    ) -> Result<Subscription, String> {
        let find = |name: &str| {
            let known = KINDS.iter().find(|kind| **kind == name).copied();
            known.ok_or_else(|| format!("{name} is none of {}", KINDS.join(", ")))
        };
        let queue = Rc::new(Queue {
            kinds: kinds.into_iter().map(find).collect::<Result<_, _>>()?,
            waiting: RefCell::default(),
            lost: Cell::new(0),
            waker: RefCell::default(),
        });
        self.0.borrow_mut().push(Rc::downgrade(&queue));
        Ok(Subscription(queue))
    }
}

impl Queue {
    fn push(&self, event: Event) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
            self.lost.set(self.lost.get().saturating_add(1));
        }
        waiting.push_back(event);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn pop(&self) -> Option<Event> {
        match self.lost.take() {
            0 => self.waiting.borrow_mut().pop_front(),
            count => Some(Event::new("lost").with("count", count)),
        }
    }
}

impl Subscription {
    /// Waits for the next one. Dropping it loses none.
    pub async fn next(&self) -> Event {
        poll_fn(|context| match self.0.pop() {
            Some(event) => Poll::Ready(event),
            None => {
                self.0.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &'static str) -> Event {
        let fields = Vec::new();
        Event {
            kind,
            at: 7,
            fields,
        }
    }

    fn next(subscription: &Subscription) -> Event {
        async_io::block_on(subscription.next())
    }

    #[test]
    fn an_event_is_one_line_in_either_form() {
        for (value, word, json) in [
            ("up", "up", r#""up""#),
            ("", "\"\"", r#""""#),
            ("a b", "\"a b\"", r#""a b""#),
            ("a\r\nevent", r#""a\r\nevent""#, r#""a\r\nevent""#),
            ("a=\"b\\", r#""a=\"b\\""#, r#""a=\"b\\""#),
        ] {
            let event = event("station").with("state", value);
            assert_eq!(event.in_words(), format!("event station at=7 state={word}"));
            let object: Value = serde_json::from_str(&event.in_json()).unwrap();
            let expected = format!(r#"{{"event":"station","at":7,"state":{json}}}"#);
            assert_eq!(object, serde_json::from_str::<Value>(&expected).unwrap());
        }
    }

    #[test]
    fn a_subscriber_hears_what_it_asked_for_and_from_then_on() {
        let events = Events::default();
        events.tell(&event("modem"));
        let all = events.subscribe([]).unwrap();
        let some = events.subscribe(["host", "close"]).unwrap();
        for kind in ["modem", "host"] {
            events.tell(&event(kind));
        }
        assert_eq!([next(&all), next(&all)], [event("modem"), event("host")]);
        assert_eq!(next(&some), event("host"));
        drop(all);
        events.tell(&event("close"));
        assert_eq!(events.0.borrow().len(), 1);
        let error = events.subscribe(["hosts"]).unwrap_err();
        assert!(
            error.starts_with("hosts is none of modem, host,"),
            "{error}"
        );
    }

    #[test]
    fn who_does_not_read_loses_the_oldest_and_is_told() {
        let events = Events::default();
        let late = events.subscribe([]).unwrap();
        for at in 0..WAITING_MAX + 3 {
            events.tell(&event("modem").with("number", at));
        }
        assert_eq!(next(&late).fields, [("count", "3".to_owned())]);
        assert_eq!(next(&late).fields, [("number", "3".to_owned())]);
    }
}
