//! What a module holds: the contents of a role, by number.

use cert_bin::PartitionRole;
use cert_bin::mistake::read_image;

use crate::at_host::{Session, SessionError};

use super::module::{Module, Storage};
use super::{image, values};

/// Contents by number, or a code and a sentence that say why there are none.
type Contents = Result<Vec<Vec<u8>>, (&'static str, String)>;

/// Reads them.
pub(crate) fn contents(
    session: &mut Session,
    module: &Module,
    role: PartitionRole,
) -> Result<Contents, SessionError> {
    let name = role.to_string();
    match module.storage(&name) {
        None => Ok(Err((
            "no_partition",
            format!("the module has no such partition, only {}", module.names()),
        ))),
        Some(Storage::Image { size }) => {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let bytes = image::read_all(session, &name, size)?;
            Ok(match read_image(&bytes) {
                Ok(image) => Ok(image.items().map(|it| it.content.to_vec()).collect()),
                Err(bad) => Err((bad.code(), bad.to_string())),
            })
        }
        Some(Storage::Values { .. }) => {
            let present = values::keys(session, role)?;
            let mut found = Vec::new();
            // Numbers end at the first that is missing (spec: cert-bin 9.2).
            while present.contains(&values::key(role, found.len())) {
                let key = values::key(role, found.len());
                found.push(values::read(session, role, &key)?);
                if role.first_item_only() {
                    break;
                }
            }
            Ok(if found.is_empty() {
                Err(("erased", format!("mfg_nvs has no {}", values::key(role, 0))))
            } else {
                Ok(found)
            })
        }
    }
}
