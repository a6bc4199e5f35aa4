//! The servers of a run. `scripts/test-services` names them.

/// Where they are.
pub(crate) struct Servers {
    pub(crate) redis: String,
    pub(crate) mongo: String,
}

impl Servers {
    /// From the environment.
    pub(crate) fn named() -> Result<Self, String> {
        let var = |name: &str| {
            std::env::var(name).map_err(|_| format!("{name} is not set: run `make bench-engine`"))
        };
        Ok(Self {
            redis: var("TEST_REDIS_URL")?,
            mongo: var("TEST_MONGODB_URI")?,
        })
    }

    /// `host:port`.
    pub(crate) fn redis_address(&self) -> Result<String, String> {
        Ok(parts(&self.redis, "redis://")?.0.to_owned())
    }

    /// `host:port`.
    pub(crate) fn mongo_address(&self) -> Result<String, String> {
        Ok(parts(&self.mongo, "mongodb://")?.0.to_owned())
    }

    /// The same server, by a port of this machine.
    pub(crate) fn mongo_through(&self, port: u16) -> Result<String, String> {
        let (_, rest) = parts(&self.mongo, "mongodb://")?;
        let options = rest.split_once('?').map_or("", |(_, options)| options);
        let direct = if options.contains("directConnection=true") {
            ""
        } else {
            "&directConnection=true"
        };
        Ok(format!("mongodb://127.0.0.1:{port}/?{options}{direct}"))
    }
}

/// Host and port, and what follows. Only the plain servers of a test can be counted: no password, no TLS, one host.
fn parts<'a>(url: &'a str, scheme: &str) -> Result<(&'a str, &'a str), String> {
    let plain = || {
        let rest = url.strip_prefix(scheme)?;
        let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
        (!host.contains(['@', ',']) && host.contains(':')).then_some((host, rest))
    };
    plain().ok_or_else(|| {
        format!("the benchmark needs a server as {scheme}host:port/, without a password and without TLS")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_taken() {
        let servers = |redis: &str, mongo: &str| Servers {
            redis: redis.to_owned(),
            mongo: mongo.to_owned(),
        };
        let plain = servers(
            "redis://127.0.0.1:1/0",
            "mongodb://127.0.0.1:2/?directConnection=true",
        );
        assert_eq!(plain.redis_address().unwrap(), "127.0.0.1:1");
        assert_eq!(
            plain.mongo_through(3).unwrap(),
            "mongodb://127.0.0.1:3/?directConnection=true"
        );
        let odd = servers("rediss://host:1/0", "mongodb://ada:secret@host:2,other:2/");
        assert!(odd.redis_address().is_err());
        assert!(!odd.mongo_address().unwrap_err().contains("secret"));
    }
}
