//! Secrets that the embedded mode makes for itself: files in the data folder that only their owner can read.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use secrecy::SecretString;
use uuid::Uuid;

/// Reads the secret in `folder/name`, or makes it (mode 0600) from `make`.
///
/// # Errors
/// A sentence, if it can neither be read nor written.
pub fn read_or_make(
    folder: &Path,
    name: &str,
    make: impl FnOnce() -> String,
) -> Result<SecretString, String> {
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(SecretString::from(text.trim().to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(format!("the file {} cannot be read: {error}", path.display())),
    }
    let secret = make();
    // Written beside and linked into place: a process that starts at the same moment sees all of it or nothing, and
    // whoever is second takes the first one's.
    let draft = folder.join(format!(".{name}.{}", Uuid::new_v4().simple()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(secret.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::hard_link(&draft, &path));
    let _ = fs::remove_file(&draft);
    match written {
        Ok(()) => Ok(SecretString::from(secret)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read_to_string(&path)
            .ok()
            .filter(|text| !text.trim().is_empty())
            .map(|text| SecretString::from(text.trim().to_owned()))
            .ok_or_else(|| {
                format!(
                    "the file {} is empty; remove it, and a new secret is made",
                    path.display()
                )
            }),
        Err(error) => Err(format!("the file {} cannot be written: {error}", path.display())),
    }
}

/// 244 random bits in hex.
pub fn random_hex() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = read_or_make(folder.path(), "jwt-secret", random_hex).unwrap();
        let second = read_or_make(folder.path(), "jwt-secret", random_hex).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(first.expose_secret().len(), 64);
        let mode = fs::metadata(folder.path().join("jwt-secret"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
