//! A clock that runs. The clock is one for a program, so each claim has a program of its own.

use embassy_futures::block_on;
use embassy_futures::join::join3;
use embassy_time::{Duration, Instant, Timer};

#[test]
fn timers_end_in_their_order_and_never_early() {
    let begin = std::time::Instant::now();
    let start = Instant::now();
    let after = |ms| async move {
        Timer::after(Duration::from_millis(ms)).await;
        start.elapsed().as_millis()
    };
    let (late, early, middle) = block_on(join3(after(60), after(5), after(20)));
    assert!(early >= 5 && middle >= 20 && late >= 60);
    assert!(early <= middle && middle <= late);
    assert!(begin.elapsed().as_millis() >= 60);
    assert!(!pc_time::is_standing());
    assert!(!pc_time::advance_to_next(u64::MAX));
    // More than any fixed queue holds.
    let mut many: Vec<_> = (0..200_u64)
        .map(|ms| Box::pin(Timer::after(Duration::from_millis(ms % 10))))
        .collect();
    for timer in &mut many {
        block_on(timer);
    }
}
