//! Every body on its seeds, and on some mutations of them that are the same in every run.

use fuzz_bodies::mutate::{Random, mutated};
use fuzz_bodies::{TARGETS, resumptions, seeds};

/// Mutations of each target; `ESPAT_FUZZ_RUNS` asks for more.
const RUNS: usize = 300;

#[test]
fn bodies_hold_on_their_seeds_and_on_mutations_of_them() {
    let runs = std::env::var("ESPAT_FUZZ_RUNS").map_or(RUNS, |text| text.parse().unwrap_or(RUNS));
    for target in TARGETS {
        let seeds = seeds(target.name);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        let mut random = Random::new(1);
        let more = (0..runs).map(|_| mutated(&mut random, &seeds, target.longest));
        for (number, input) in seeds.iter().cloned().chain(more).enumerate() {
            // A panic names neither target nor input.
            println!("{} {number}: {}", target.name, input.escape_ascii());
            (target.run)(&input);
        }
    }
}

/// One server that remembers, met three times: its session, and two that are resumed.
#[test]
fn sessions_are_resumed_with_servers_of_either_version_and_of_p_256_alone() {
    for server in 0..4 {
        // Records as they are sent, and ten minutes until the next time.
        let meets = [4 | server << 3, 0, 15, 15, 0, 0, 1];
        assert_eq!(resumptions(&meets.repeat(3)), 2, "server {server}");
    }
}
