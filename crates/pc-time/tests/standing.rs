//! A clock that stands until it is turned.

use std::cell::RefCell;

use embassy_futures::join::{join, join_array};
use embassy_futures::{block_on, yield_now};
use embassy_time::{Duration, Instant, Timer};

#[test]
fn time_passes_by_hand_alone_and_each_timer_sees_its_own() {
    pc_time::stop();
    assert!(pc_time::is_standing());
    let seen = RefCell::new(Vec::new());
    let timers = join_array([30_u64, 11, 20].map(|seconds| {
        let seen = &seen;
        async move {
            // Twice, so that the second is set while the clock is being turned.
            for _ in 0..2 {
                Timer::after(Duration::from_secs(seconds)).await;
                seen.borrow_mut().push((seconds, Instant::now().as_secs()));
            }
        }
    }));
    let turned = async {
        // Nothing happens by itself.
        for _ in 0..100 {
            yield_now().await;
        }
        assert_eq!(Instant::now().as_ticks(), 0);
        let end = 60_000_000;
        while pc_time::advance_to_next(end) {
            yield_now().await;
        }
        assert_eq!(pc_time::now(), end);
    };
    block_on(join(timers, turned));
    let order = [(11, 11), (20, 20), (11, 22), (30, 30), (20, 40), (30, 60)];
    assert_eq!(seen.into_inner(), order);
}
