//! POSIX regular expressions of at most 64 bytes over messages, without an allocator.
//!
//! ```text
//! basic      .  [set]  *  ^  $  \( \)  \{m,n\}
//! extended   .  [set]  *  +  ?  ^  $  ( )  {m,n}  |
//! ```
//!
//! An expression is compiled into a program of at most [`PROGRAM`] steps, and all paths through it are
//! followed together, byte by byte (Thompson's construction). One pass from the end of the text finds
//! where the first match begins, a second one from there how long it is, so time is proportional to
//! steps times bytes, whatever the expression. Of the matches the first counts, and of those the
//! longest (POSIX.1-2017 §9.1). Back-references, character classes by name and collating elements are
//! refused.
//!
//! Compared with `regcomp` and `regexec` of the GNU C library in `tests/glibc.rs`.

use heapless::Vec;

/// Steps of a program.
pub(crate) const PROGRAM: usize = 160;

/// Sets in brackets of one expression.
const SETS: usize = 8;

/// Parentheses within parentheses.
const DEPTH: u8 = 8;

/// Most repetitions that can be asked for.
const REPEAT_MAX: usize = 64;

/// How an expression is read: the flags of POSIX `regcomp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    pub(crate) extended: bool,
    pub(crate) ignore_case: bool,
    /// `^` and `$` match at line ends, too, and nothing else matches a line feed.
    pub(crate) newline: bool,
}

/// Why an expression is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum ExpressionError {
    /// It is not well formed, or has something that is not supported.
    Syntax {
        /// Where.
        at: usize,
    },
    /// It takes more steps than there is room for.
    TooLarge,
}

/// The bytes that a set in brackets has.
type Set = [u32; 8];

/// A step; targets are relative, so that a piece of program can be moved and copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Byte(u8),
    Any,
    /// Number of a set.
    Set(u8),
    Begin,
    End,
    /// Both ways: on, and from here by so many.
    Split(i16),
    /// From here by so many.
    Jump(i16),
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    program: Vec<Step, PROGRAM>,
    sets: Vec<Set, SETS>,
    flags: Flags,
}

struct Compiler<'p> {
    pattern: &'p [u8],
    at: usize,
    depth: u8,
    expression: Expression,
}

type Compiled<T = ()> = Result<T, ExpressionError>;

fn offset(distance: usize) -> Compiled<i16> {
    i16::try_from(distance).map_err(|_| ExpressionError::TooLarge)
}

impl Expression {
    /// Compiles an expression. An empty one matches everywhere.
    pub(crate) fn new(pattern: &[u8], flags: Flags) -> Compiled<Self> {
        let mut compiler = Compiler {
            pattern,
            at: 0,
            depth: 0,
            expression: Self {
                program: Vec::new(),
                sets: Vec::new(),
                flags,
            },
        };
        compiler.alternatives()?;
        if compiler.at < pattern.len() {
            return Err(compiler.syntax());
        }
        Ok(compiler.expression)
    }

    /// Where the first and longest match is.
    pub(crate) fn find(&self, text: &[u8]) -> Option<(usize, usize)> {
        let start = self.first_start(text)?;
        Some((start, self.match_at(text, start)?))
    }

    /// Where the first match begins. Walks back from the end of the text, so that it sees each byte
    /// once.
    fn first_start(&self, text: &[u8]) -> Option<usize> {
        let mut first = None;
        // The steps from which a match is reached at the position behind this one.
        let mut behind = States::new();
        for at in (0..=text.len()).rev() {
            let here = self.leading_to_a_match(&behind, text, at);
            if here.has(0) {
                first = Some(at);
            }
            behind = here;
        }
        first
    }

    /// The steps from which a match is reached at `at`, given those at the position behind.
    fn leading_to_a_match(&self, behind: &States, text: &[u8], at: usize) -> States {
        let mut ways = States::new();
        ways.add(self.program.len());
        let mut grows = true;
        // Once more for each loop within a loop: a step can lead back.
        while grows {
            grows = false;
            for (number, step) in self.program.iter().enumerate().rev() {
                let on = number.saturating_add(1);
                let by = |distance: i16| number.saturating_add_signed(isize::from(distance));
                let leads = match *step {
                    Step::Split(distance) => ways.has(on) || ways.has(by(distance)),
                    Step::Jump(distance) => ways.has(by(distance)),
                    Step::Begin => ways.has(on) && self.begins(text, at),
                    Step::End => ways.has(on) && self.ends(text, at),
                    Step::Byte(_) | Step::Any | Step::Set(_) => {
                        let byte = text.get(at);
                        behind.has(on) && byte.is_some_and(|byte| self.takes(*step, *byte))
                    }
                };
                grows |= leads && ways.add(number);
            }
        }
        ways
    }

    /// Where the longest match from `start` on ends.
    fn match_at(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut ways = States::new();
        let mut longest = None;
        self.enter(&mut ways, 0, text, start);
        let mut at = start;
        loop {
            if ways.has(self.program.len()) {
                longest = Some(at);
            }
            let Some(&byte) = text.get(at) else {
                return longest;
            };
            at = at.saturating_add(1);
            let mut next = States::new();
            for (number, step) in self.program.iter().enumerate() {
                if ways.has(number) && self.takes(*step, byte) {
                    self.enter(&mut next, number.saturating_add(1), text, at);
                }
            }
            if next.is_empty() {
                return longest;
            }
            ways = next;
        }
    }

    /// Adds a step and all that is reached from it without a byte.
    fn enter(&self, ways: &mut States, step: usize, text: &[u8], at: usize) {
        let mut open = Vec::<usize, { PROGRAM + 1 }>::new();
        let go = |ways: &mut States, open: &mut Vec<usize, { PROGRAM + 1 }>, to: usize| {
            // Each step is entered once, so there is room.
            if ways.add(to) {
                let _ = open.push(to);
            }
        };
        go(ways, &mut open, step);
        while let Some(number) = open.pop() {
            let on = number.saturating_add(1);
            let by = |distance: i16| number.saturating_add_signed(isize::from(distance));
            match self.program.get(number) {
                Some(Step::Split(distance)) => {
                    go(ways, &mut open, on);
                    go(ways, &mut open, by(*distance));
                }
                Some(Step::Jump(distance)) => go(ways, &mut open, by(*distance)),
                Some(Step::Begin) if self.begins(text, at) => go(ways, &mut open, on),
                Some(Step::End) if self.ends(text, at) => go(ways, &mut open, on),
                _ => {}
            }
        }
    }

    fn begins(&self, text: &[u8], at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        match before {
            None => true,
            Some(byte) => self.flags.newline && *byte == b'\n',
        }
    }

    fn ends(&self, text: &[u8], at: usize) -> bool {
        match text.get(at) {
            None => true,
            Some(byte) => self.flags.newline && *byte == b'\n',
        }
    }

    fn takes(&self, step: Step, byte: u8) -> bool {
        match step {
            Step::Byte(wanted) if self.flags.ignore_case => byte.eq_ignore_ascii_case(&wanted),
            Step::Byte(wanted) => byte == wanted,
            Step::Any => !(self.flags.newline && byte == b'\n'),
            Step::Set(number) => self
                .sets
                .get(usize::from(number))
                .is_some_and(|set| has(set, byte)),
            Step::Begin | Step::End | Step::Split(_) | Step::Jump(_) => false,
        }
    }
}

fn place(byte: u8) -> (usize, u32) {
    (usize::from(byte >> 5), 1 << (byte & 31))
}

fn has(set: &Set, byte: u8) -> bool {
    let (word, bit) = place(byte);
    set.get(word).is_some_and(|bits| bits & bit != 0)
}

fn put(set: &mut Set, byte: u8) {
    let (word, bit) = place(byte);
    if let Some(bits) = set.get_mut(word) {
        *bits |= bit;
    }
}

/// The steps that are walked at once; the one after the last is a match.
struct States([u32; PROGRAM / 32 + 1]);

impl States {
    const fn new() -> Self {
        Self([0; PROGRAM / 32 + 1])
    }

    fn add(&mut self, step: usize) -> bool {
        match self.0.get_mut(step / 32) {
            Some(word) => {
                let bit = 1 << (step % 32);
                let new = *word & bit == 0;
                *word |= bit;
                new
            }
            None => false,
        }
    }

    fn has(&self, step: usize) -> bool {
        let word = self.0.get(step / 32).copied().unwrap_or(0);
        word & (1 << (step % 32)) != 0
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// What the next bytes of a pattern are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Any,
    Bracket,
    Open,
    Close,
    Or,
    Begin,
    End,
    Star,
    Plus,
    Maybe,
    Brace,
}

/// What stands before a token, which says whether `^` and `*` of a basic expression are special.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing: `^` is.
    Nothing,
    /// `^` that is special: neither is.
    Begin,
    /// Something else: `*` is.
    Atom,
}

impl Compiler<'_> {
    const fn syntax(&self) -> ExpressionError {
        ExpressionError::Syntax { at: self.at }
    }

    fn rest(&self) -> &[u8] {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    /// The next token and its length, after what stands before it in its alternative.
    fn token(&self, before: Before) -> Compiled<Option<(Token, usize)>> {
        let extended = self.expression.flags.extended;
        Ok(Some(match (self.rest(), extended) {
            ([], _) => return Ok(None),
            ([b'\\', b'(', ..], false) => (Token::Open, 2),
            ([b'\\', b')', ..], false) => (Token::Close, 2),
            ([b'\\', b'{', ..], false) => (Token::Brace, 2),
            // Back-references would need memory of what was matched.
            ([b'\\', b'1'..=b'9', ..] | [b'\\'], _) => return Err(self.syntax()),
            ([b'\\', byte, ..], _) => (Token::Byte(*byte), 2),
            ([b'.', ..], _) => (Token::Any, 1),
            ([b'[', ..], _) => (Token::Bracket, 1),
            ([b'*', ..], false) if before != Before::Atom => (Token::Byte(b'*'), 1),
            ([b'*', ..], _) => (Token::Star, 1),
            ([b'^', ..], true) => (Token::Begin, 1),
            ([b'^', ..], false) if before == Before::Nothing => (Token::Begin, 1),
            ([b'$', ..], true) => (Token::End, 1),
            ([b'$'] | [b'$', b'\\', b')', ..], false) => (Token::End, 1),
            ([b'(', ..], true) => (Token::Open, 1),
            ([b')', ..], true) => (Token::Close, 1),
            ([b'|', ..], true) => (Token::Or, 1),
            ([b'+', ..], true) => (Token::Plus, 1),
            ([b'?', ..], true) => (Token::Maybe, 1),
            ([b'{', ..], true) => (Token::Brace, 1),
            ([byte, ..], _) => (Token::Byte(*byte), 1),
        }))
    }

    fn take(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn emit(&mut self, step: Step) -> Compiled {
        let program = &mut self.expression.program;
        program.push(step).map_err(|_| ExpressionError::TooLarge)
    }

    fn len(&self) -> usize {
        self.expression.program.len()
    }

    /// One or several sequences: `a|b|c`.
    fn alternatives(&mut self) -> Compiled {
        let begin = self.len();
        self.sequence()?;
        while let Some((Token::Or, length)) = self.token(Before::Atom)? {
            self.take(length);
            // Split over what is there and a jump behind the rest.
            let before = self.len().saturating_sub(begin);
            let split = Step::Split(offset(before.saturating_add(2))?);
            self.insert(begin, split)?;
            let jump = self.len();
            self.emit(Step::Jump(0))?;
            self.alternatives()?;
            let over = offset(self.len().saturating_sub(jump))?;
            if let Some(step) = self.expression.program.get_mut(jump) {
                *step = Step::Jump(over);
            }
        }
        Ok(())
    }

    fn insert(&mut self, at: usize, step: Step) -> Compiled {
        let program = &mut self.expression.program;
        // Targets are relative, and nothing before `at` leads beyond it.
        program
            .insert(at, step)
            .map_err(|_| ExpressionError::TooLarge)
    }

    fn sequence(&mut self) -> Compiled {
        let mut before = Before::Nothing;
        while let Some((token, length)) = self.token(before)? {
            let begin = self.len();
            match token {
                Token::Or | Token::Close => return Ok(()),
                Token::Star | Token::Plus | Token::Maybe | Token::Brace => {
                    return Err(self.syntax());
                }
                _ => self.take(length),
            }
            match token {
                Token::Begin => self.emit(Step::Begin)?,
                Token::End => self.emit(Step::End)?,
                Token::Byte(byte) => self.emit(Step::Byte(byte))?,
                Token::Any => self.emit(Step::Any)?,
                Token::Bracket => self.bracket()?,
                _ => self.group()?,
            }
            let repeatable = !matches!(token, Token::Begin | Token::End);
            before = match token {
                Token::Begin => Before::Begin,
                _ => Before::Atom,
            };
            if repeatable {
                self.repetitions(begin)?;
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Compiled {
        if self.depth >= DEPTH {
            return Err(ExpressionError::TooLarge);
        }
        self.depth = self.depth.saturating_add(1);
        self.alternatives()?;
        self.depth = self.depth.saturating_sub(1);
        match self.token(Before::Atom)? {
            Some((Token::Close, length)) => {
                self.take(length);
                Ok(())
            }
            _ => Err(self.syntax()),
        }
    }

    /// What follows an atom that begins at `begin`: `*`, `+`, `?`, `{m,n}`, and of extended expressions
    /// any number of them.
    fn repetitions(&mut self, begin: usize) -> Compiled {
        let mut repeated = false;
        while let Some((token, length)) = self.token(Before::Atom)? {
            let is_repetition = matches!(token, Token::Star | Token::Brace);
            if repeated && is_repetition && !self.expression.flags.extended {
                return Err(self.syntax());
            }
            repeated = true;
            let (min, max) = match token {
                Token::Star => (0, None),
                Token::Plus => (1, None),
                Token::Maybe => (0, Some(1)),
                Token::Brace => {
                    self.take(length);
                    let bounds = self.bounds()?;
                    self.repeat(begin, bounds.0, bounds.1)?;
                    continue;
                }
                _ => return Ok(()),
            };
            self.take(length);
            self.repeat(begin, min, max)?;
        }
        Ok(())
    }

    /// Makes `min` to `max` of the atom from `begin` to the end of the program.
    fn repeat(&mut self, begin: usize, min: usize, max: Option<usize>) -> Compiled {
        let tail = self.expression.program.get(begin..).unwrap_or_default();
        let atom: Vec<Step, PROGRAM> = tail.iter().copied().collect();
        let size = atom.len();
        self.expression.program.truncate(begin);
        let again = |compiler: &mut Self| atom.iter().try_for_each(|step| compiler.emit(*step));
        for _ in 0..min {
            again(self)?;
        }
        match max {
            Some(max) => {
                for _ in min..max {
                    self.emit(Step::Split(offset(size.saturating_add(1))?))?;
                    again(self)?;
                }
            }
            None => {
                self.emit(Step::Split(offset(size.saturating_add(2))?))?;
                again(self)?;
                let back = offset(size.saturating_add(1))?;
                self.emit(Step::Jump(back.saturating_neg()))?;
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some(digit @ b'0'..=b'9') = self.rest().first().copied() {
            let digit = usize::from(digit.saturating_sub(b'0'));
            let tens = value.unwrap_or(0_usize).saturating_mul(10);
            value = Some(tens.saturating_add(digit));
            self.take(1);
        }
        value
    }

    /// `m}`, `m,}` or `m,n}`.
    fn bounds(&mut self) -> Compiled<(usize, Option<usize>)> {
        let min = self.number().ok_or(self.syntax())?;
        let mut max = Some(min);
        if self.rest().first() == Some(&b',') {
            self.take(1);
            max = self.number();
        }
        let close: &[u8] = match self.expression.flags.extended {
            true => b"}",
            false => b"\\}",
        };
        let in_order = max.is_none_or(|max| min <= max);
        if !self.rest().starts_with(close) || !in_order {
            return Err(self.syntax());
        }
        self.take(close.len());
        if min > REPEAT_MAX || max.is_some_and(|max| max > REPEAT_MAX) {
            return Err(ExpressionError::TooLarge);
        }
        Ok((min, max))
    }

    /// What follows `[`.
    fn bracket(&mut self) -> Compiled {
        let negated = self.rest().first() == Some(&b'^');
        if negated {
            self.take(1);
        }
        let mut set: Set = [0; 8];
        let mut first = true;
        loop {
            let &[low, ref rest @ ..] = self.rest() else {
                return Err(self.syntax());
            };
            match (low, rest) {
                (b']', _) if !first => {
                    self.take(1);
                    break;
                }
                (b'[', [b':' | b'.' | b'=', ..]) => return Err(self.syntax()),
                (low, [b'-', high, ..]) if *high != b']' => {
                    if *high < low {
                        return Err(self.syntax());
                    }
                    for byte in low..=*high {
                        put(&mut set, byte);
                    }
                    self.take(3);
                }
                (byte, _) => {
                    put(&mut set, byte);
                    self.take(1);
                }
            }
            first = false;
        }
        if self.expression.flags.ignore_case {
            // Before the set is negated: `[^a]` has neither `a` nor `A`.
            for (lower, upper) in (b'a'..=b'z').zip(b'A'..=b'Z') {
                if has(&set, lower) || has(&set, upper) {
                    put(&mut set, lower);
                    put(&mut set, upper);
                }
            }
        }
        if negated {
            for word in &mut set {
                *word = !*word;
            }
            if self.expression.flags.newline
                && let Some(word) = set.first_mut()
            {
                *word &= !(1 << b'\n');
            }
        }
        let sets = &mut self.expression.sets;
        let number = u8::try_from(sets.len()).map_err(|_| ExpressionError::TooLarge)?;
        sets.push(set).map_err(|_| ExpressionError::TooLarge)?;
        self.emit(Step::Set(number))
    }
}

#[cfg(test)]
mod tests;
