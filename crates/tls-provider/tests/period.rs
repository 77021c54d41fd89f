//! Tickets are counted per period. A test of its own, because the period is one for the whole program.

use tls_provider::{Messages, Refused, TICKETS, next_ticket_period};

const TICKET: [u8; 5] = [4, 0, 0, 1, 0];

#[test]
fn a_ticket_in_each_period_is_never_too_many() {
    let mut messages = Messages::new();
    // A ticket a minute for a week.
    for _ in 0..7 * 24 * 60 {
        assert_eq!(messages.feed(&TICKET), Ok(()));
        next_ticket_period();
    }
    for _ in 0..TICKETS {
        assert_eq!(messages.feed(&TICKET), Ok(()));
    }
    assert_eq!(messages.feed(&TICKET), Err(Refused::Tickets));
}
