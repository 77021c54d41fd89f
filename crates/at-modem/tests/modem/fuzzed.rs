//! The fuzz bodies of the whole modem, on their seeds and some mutations of them.
//!
//! They are part of `crates/fuzz-bodies`, and are run here because a program has one clock.

use crate::{modem, mutate, sntp_target};

const RUNS: usize = 100;

fn run(name: &str, body: fn(&[u8])) {
    let folder = format!("{}/../fuzz-bodies/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let seeds: Vec<_> = files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    assert!(!seeds.is_empty());
    let mut random = mutate::Random::new(1);
    let more = (0..RUNS).map(|_| mutate::mutated(&mut random, &seeds, 1500));
    for input in seeds.iter().cloned().chain(more) {
        println!("{name}: {}", input.escape_ascii());
        body(&input);
    }
}

#[test]
fn each_line_has_one_result_and_the_port_answers_after_anything() {
    run("modem", modem::session);
}

#[test]
fn it_boots_whatever_flash_holds() {
    run("boot", modem::boot);
}

#[test]
fn no_datagram_sets_the_clock_but_an_answer_of_the_server_that_was_asked() {
    run("sntp", sntp_target::body);
}
