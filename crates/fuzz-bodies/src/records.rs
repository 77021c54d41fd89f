//! Records of a good peer, changed on their way, also inside of their encryption.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::KeyLog;
use tls_doubles::record::{APPLICATION_DATA, HANDSHAKE, Keys, TrafficSecret};
use tls_doubles::script::Change;

use crate::take::Take;

const TYPES: [u8; 6] = [20, 21, 22, 23, 24, 0];

/// What becomes of one record.
#[derive(Debug, Clone)]
enum Edit {
    Change(Change),
    Drop,
    Twice,
    /// Content of any type before it, encrypted where it is.
    Before(u8, Vec<u8>),
    /// Bytes before it, as they are.
    Raw(Vec<u8>),
    /// Cut into two records.
    Split(usize),
}

impl Edit {
    fn of(take: &mut Take<'_>) -> Self {
        let (how, at) = (take.u8(), usize::from(take.u16() & 0x7ff));
        match how & 15 {
            0..=4 => Self::Change(Change::Flip {
                at,
                mask: take.u8() | 1,
            }),
            5 | 6 => Self::Change(Change::Cut {
                len: at,
                honest: how & 16 != 0,
            }),
            7..=9 => Self::Change(Change::Grow {
                at,
                byte: take.u8(),
            }),
            10 => Self::Drop,
            11 => Self::Twice,
            12 | 13 => {
                let count = usize::from(take.u8());
                Self::Before(take.one_of(&TYPES), take.bytes(count).to_vec())
            }
            14 => {
                let count = usize::from(take.u8());
                Self::Raw(take.bytes(count).to_vec())
            }
            _ => Self::Split(at),
        }
    }
}

/// Whether bytes of the handshake came otherwise than they were sent. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tampered(Rc<Cell<bool>>);

impl Tampered {
    pub(crate) fn get(&self) -> bool {
        self.0.get()
    }
}

/// The traffic secrets of a client under TLS_AES_128_GCM_SHA256, as it derives them.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Mutex<Vec<TrafficSecret>>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        let ours = ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"];
        if ours.contains(&label)
            && let Ok(secret) = secret.try_into()
        {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(secret);
        }
    }
}

/// Who sent a record: only what the peer sends must arrive as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Peers,
    Inserted,
}

type Part = (u8, Vec<u8>, Whose);

/// What becomes of a record; bytes that are none go out before it.
fn edited(edit: &Edit, (kind, content, whose): Part, out: &mut Vec<u8>) -> Vec<Part> {
    match edit {
        Edit::Change(change) => {
            let changed = change.apply(&content).unwrap_or(content);
            vec![(kind, changed, whose)]
        }
        Edit::Drop => Vec::new(),
        // Behind the last message the copy comes when the session is open.
        Edit::Twice => vec![
            (kind, content.clone(), whose),
            (kind, content, Whose::Inserted),
        ],
        Edit::Before(other, bytes) => {
            let inserted = (*other, bytes.clone(), Whose::Inserted);
            vec![inserted, (kind, content, whose)]
        }
        Edit::Raw(bytes) => {
            out.extend(bytes);
            vec![(kind, content, whose)]
        }
        Edit::Split(at) => {
            let (first, second) = content.split_at((*at).min(content.len()));
            vec![
                (kind, first.to_vec(), whose),
                (kind, second.to_vec(), whose),
            ]
        }
    }
}

/// Both ends of one direction's encryption.
struct Epoch {
    number: usize,
    from_peer: Keys,
    to_session: Keys,
}

/// Edits by the number of the record that they are for.
pub(crate) struct Edits {
    edits: Vec<(u8, Edit)>,
    record: u8,
    secrets: Option<Arc<Secrets>>,
    epoch: Option<Epoch>,
    tampered: Tampered,
}

impl Edits {
    /// At most four, for the first sixteen records.
    pub(crate) fn of(take: &mut Take<'_>, secrets: Option<Arc<Secrets>>) -> Self {
        let count = take.u8() & 3;
        let edits = (0..=count).map(|_| (take.u8() & 15, Edit::of(take)));
        Self {
            edits: edits.collect(),
            record: 0,
            secrets,
            epoch: None,
            tampered: Tampered::default(),
        }
    }

    pub(crate) fn tampered(&self) -> Tampered {
        self.tampered.clone()
    }

    /// What the session receives in place of a record of the peer.
    pub(crate) fn apply(&mut self, record: &[u8]) -> Vec<u8> {
        let number = self.record;
        self.record = self.record.saturating_add(1);
        let edits: Vec<Edit> = self
            .edits
            .iter()
            .filter(|(of, _)| *of == number)
            .map(|(_, edit)| edit.clone())
            .collect();
        let (kind, content) = match self.opened(record) {
            Some((content, kind)) => (kind, content),
            None if edits.is_empty() => return record.to_vec(),
            None => (record[0], record[5..].to_vec()),
        };
        let mut parts = vec![(kind, content.clone(), Whose::Peers)];
        let mut out = Vec::new();
        for edit in edits {
            parts = parts
                .into_iter()
                .flat_map(|part| edited(&edit, part, &mut out))
                .collect();
        }
        let of_peer = parts.iter().filter(|part| part.2 == Whose::Peers);
        let of_peer: Vec<u8> = of_peer.flat_map(|part| part.1.clone()).collect();
        if kind == HANDSHAKE && of_peer != content {
            self.tampered.0.set(true);
        }
        for (kind, content, _) in parts {
            out.extend(self.sealed(kind, &content));
        }
        out
    }

    /// Content and type of an encrypted record whose keys are known.
    fn opened(&mut self, record: &[u8]) -> Option<(Vec<u8>, u8)> {
        if record[0] != APPLICATION_DATA {
            return None;
        }
        let known = self.secrets.as_ref()?.0.lock();
        let known = known.unwrap_or_else(PoisonError::into_inner).clone();
        let first = self.epoch.as_ref().map_or(0, |epoch| epoch.number);
        for (number, secret) in known.iter().enumerate().skip(first) {
            if self.epoch.as_ref().is_none_or(|it| it.number != number) {
                self.epoch = Some(Epoch {
                    number,
                    from_peer: Keys::new(*secret),
                    to_session: Keys::new(*secret),
                });
            }
            let epoch = self.epoch.as_mut()?;
            if let Some(found) = epoch.from_peer.open(&record[..5], &record[5..]) {
                return Some(found);
            }
        }
        None
    }

    /// A record of this content, encrypted if the last one was.
    fn sealed(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        if let Some(epoch) = &mut self.epoch {
            let inner = [content, &[kind]].concat();
            return epoch.to_session.seal(APPLICATION_DATA, 0x0303, &inner);
        }
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3], &length[..], content].concat()
    }
}
