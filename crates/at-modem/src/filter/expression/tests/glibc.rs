//! Expressions against `regcomp` and `regexec` of the GNU C library, on random pairs.
//!
//! `ESPAT_FILTER_PAIRS=100000000 cargo test --release -p at-modem --lib glibc` compares as many as named.

extern crate std;

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::vec::Vec;
use std::{env, format, fs, process, thread, vec};

use super::super::{Expression, Flags};

/// Texts for each expression.
const TEXTS: usize = 50;

/// Bytes of an expression.
const LONGEST: usize = 20;

/// Expressions asked about at a time.
const BATCH: usize = 200;

/// Numbers that look random and are the same in every run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(value).unwrap() % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// An expression and what it is tried on.
struct Case {
    bits: u8,
    pattern: Vec<u8>,
    texts: Vec<Vec<u8>>,
}

impl Case {
    fn random(random: &mut Random) -> Self {
        let bits = u8::try_from(random.below(8)).unwrap();
        let extended = bits & 1 != 0;
        let size = 1 + random.below(9);
        let mut pattern = Vec::new();
        if random.below(2) == 0 {
            pattern = expression(random, extended, 2);
        } else {
            for _ in 0..size {
                pattern.extend(token(random, extended));
            }
        }
        // The library takes a second for some that are longer.
        pattern.truncate(LONGEST);
        let alphabet =
            random.one_of::<&[u8]>(&[b"ab", b"abAB", b"ab\n", b"abcABC-]^*\\{},1\n$+(."]);
        let texts = (0..TEXTS).map(|_| {
            let len = random.below(12);
            (0..len).map(|_| random.one_of(alphabet)).collect()
        });
        let texts = texts.collect();
        Self {
            bits,
            pattern,
            texts,
        }
    }

    fn flags(&self) -> Flags {
        Flags {
            extended: self.bits & 1 != 0,
            ignore_case: self.bits & 2 != 0,
            newline: self.bits & 4 != 0,
        }
    }
}

/// Anything that can be a part of an expression, in any order.
fn token(random: &mut Random, extended: bool) -> &'static [u8] {
    const BASIC: &[&[u8]] = &[
        b"a",
        b"a",
        b"b",
        b"A",
        b"B",
        b".",
        b"*",
        b"^",
        b"$",
        b"\\(",
        b"\\)",
        b"\\{2\\}",
        b"\\{0,1\\}",
        b"\\{1,\\}",
        b"+",
        b"?",
        b"|",
        b"(",
        b")",
        b"{",
        b"}",
        b"\\.",
        b"\\*",
        b"\\^",
        b"\\$",
        b"\\[",
        b"\\\\",
        b"]",
        b"-",
        b"\n",
    ];
    const EXTENDED: &[&[u8]] = &[
        b"a", b"a", b"b", b"A", b"B", b".", b"*", b"^", b"$", b"(", b")", b"{2}", b"{0,1}",
        b"{1,}", b"+", b"?", b"|", b"\\(", b"\\)", b"\\{", b"\\}", b"\\.", b"\\*", b"\\^", b"\\$",
        b"\\[", b"\\\\", b"]", b"-", b"\n",
    ];
    const SETS: &[&[u8]] = &[
        b"[ab]", b"[^a]", b"[^ab]", b"[^A]", b"[a-c]", b"[]a]", b"[^]b]", b"[a-]", b"[^-]",
        b"[*^]", b"[^^]", b"[\\]", b"[.]", b"[^b\n]", b"[[]",
    ];
    match random.below(5) {
        0 => random.one_of(SETS),
        _ if extended => random.one_of(EXTENDED),
        _ => random.one_of(BASIC),
    }
}

/// A well-formed expression.
fn expression(random: &mut Random, extended: bool, depth: usize) -> Vec<u8> {
    let mut whole = Vec::new();
    let parts = 1 + random.below(3);
    for part in 0..parts {
        if part > 0 && extended && random.below(3) == 0 {
            whole.push(b'|');
        }
        if random.below(8) == 0 {
            whole.push(b'^');
        }
        if depth > 0 && random.below(3) == 0 {
            let (open, close): (&[u8], &[u8]) = if extended {
                (b"(", b")")
            } else {
                (b"\\(", b"\\)")
            };
            whole.extend(open);
            whole.extend(expression(random, extended, depth - 1));
            whole.extend(close);
        } else {
            let atoms: &[&[u8]] = &[b"a", b"b", b"A", b".", b"[ab]", b"[^a]", b"[^B]", b"\\."];
            whole.extend(random.one_of(atoms));
        }
        let repeats: &[&[u8]] = if extended {
            &[b"", b"", b"*", b"+", b"?", b"{2}", b"{0,2}", b"{1,}", b"**"]
        } else {
            &[b"", b"", b"*", b"\\{2\\}", b"\\{0,2\\}", b"\\{1,\\}", b"**"]
        };
        whole.extend(random.one_of(repeats));
        if random.below(8) == 0 {
            whole.push(b'$');
        }
    }
    whole
}

/// Whether `^` stands elsewhere than at the beginning, or `$` elsewhere than at the end. There the C
/// library lets them match at places that are neither: `x*$.` matches `a line feed b` without `newline`,
/// `(a?^b){2}` matches `bb`. The `regex` crate is the reference for these.
fn has_inner_anchor(pattern: &[u8], extended: bool) -> bool {
    let mut at = 0;
    while let Some(&byte) = pattern.get(at) {
        let inner = match byte {
            b'\\' => {
                at += 1;
                let group = !extended && pattern[at] == b'(';
                group && pattern.get(at + 1) == Some(&b'^')
            }
            b'[' => {
                let first = at + 1 + usize::from(pattern[at + 1] == b'^');
                // A bracket that is the first element does not close.
                let rest = &pattern[first + 1..];
                at = first + 1 + rest.iter().position(|&byte| byte == b']').unwrap();
                false
            }
            b'^' => extended && at > 0,
            b'$' => at + 1 < pattern.len() && (extended || pattern[at + 1..].starts_with(b"\\)")),
            _ => false,
        };
        if inner {
            return true;
        }
        at += 1;
    }
    false
}

/// Where each text matches.
type Spans = Vec<Option<(usize, usize)>>;

/// The C library's answers.
struct Library {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Library {
    /// Compiles `glibc.c` and starts it.
    fn start() -> Self {
        let folder = env::temp_dir().join(format!("espat-glibc-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("glibc");
        let source = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/filter/expression/tests/glibc.c"
        );
        let made = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(&program)
            .arg(source)
            .status();
        assert!(made.expect("a C compiler").success());
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let input = child.stdin.take();
        let output = child.stdout.take().unwrap();
        Self {
            child,
            input,
            output,
        }
    }

    /// Of each case: the spans found, or `None` if the expression is refused.
    fn ask(&mut self, cases: &[Case]) -> Vec<Option<Spans>> {
        let mut question = Vec::new();
        let push = |question: &mut Vec<u8>, text: &[u8]| {
            question.push(u8::try_from(text.len()).unwrap());
            question.extend(text);
        };
        for case in cases {
            question.push(case.bits);
            push(&mut question, &case.pattern);
            question.push(u8::try_from(case.texts.len()).unwrap());
            for text in &case.texts {
                push(&mut question, text);
            }
        }
        question.push(0xff);
        let mut input = self.input.take().unwrap();
        let writer = thread::spawn(move || {
            input.write_all(&question).unwrap();
            input
        });
        let mut read = |len: usize| {
            let mut bytes = vec![0; len];
            self.output.read_exact(&mut bytes).unwrap();
            bytes
        };
        let mut answers = Vec::new();
        for case in cases {
            answers.push((read(1) == [1]).then(|| {
                let spans = read(2 * case.texts.len());
                let span =
                    |pair: &[u8]| (pair != [0xff, 0xff]).then(|| (pair[0].into(), pair[1].into()));
                spans.chunks(2).map(span).collect()
            }));
        }
        self.input = Some(writer.join().unwrap());
        answers
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

#[test]
fn random_expressions_match_what_they_match_in_the_c_library() {
    let wanted = env::var("ESPAT_FILTER_PAIRS").map_or(200_000, |text| text.parse().unwrap());
    let seed = env::var("ESPAT_FILTER_SEED").map_or(1, |text| text.parse().unwrap());
    let mut random = Random(seed);
    let mut library = Library::start();
    let (mut compared, mut matched) = (0, 0);
    while compared < wanted {
        let cases: Vec<_> = (0..BATCH).map(|_| Case::random(&mut random)).collect();
        for (case, theirs) in cases.iter().zip(library.ask(&cases)) {
            let Ok(ours) = Expression::new(&case.pattern, case.flags()) else {
                continue;
            };
            if has_inner_anchor(&case.pattern, case.flags().extended) {
                continue;
            }
            let shown = case.pattern.escape_ascii();
            let theirs =
                theirs.unwrap_or_else(|| panic!("only ours accepts {shown}, flags {}", case.bits));
            for (text, theirs) in case.texts.iter().zip(theirs) {
                let found = ours.find(text);
                assert_eq!(
                    found,
                    theirs,
                    "{shown}, flags {}, in {}",
                    case.bits,
                    text.escape_ascii()
                );
                compared += 1;
                matched += usize::from(theirs.is_some());
            }
        }
    }
    assert!(matched > wanted / 5, "{matched} of {compared} match");
}
