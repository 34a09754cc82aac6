//! Patterns of routes: `/apps/<instance>/things/{id}`, `/ocs/v2.php/apps/<instance>/{rest*}`.

/// A checked pattern, without the prefix that leads to its instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Whether it is one of the OCS API.
    pub(super) ocs: bool,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Any(String),
    Rest(String),
}

impl Pattern {
    /// Reads a pattern of `instance`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(pattern: &str, instance: &str) -> Result<Self, String> {
        let below = |prefix: &str| {
            let rest = pattern.strip_prefix(prefix)?.strip_prefix(instance)?;
            if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
        };
        let (ocs, rest) = match (below("/apps/"), below("/ocs/v2.php/apps/")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => {
                return Err(format!(
                    "it must begin with /apps/{instance}/ or /ocs/v2.php/apps/{instance}/"
                ));
            }
        };
        let mut parts: Vec<Part> = Vec::new();
        for segment in rest.split('/').filter(|_| !rest.is_empty()) {
            if matches!(parts.last(), Some(Part::Rest(_))) {
                return Err("what stands for all the rest must be its last segment".to_owned());
            }
            parts.push(part(segment)?);
        }
        let mut names: Vec<&str> = parts.iter().filter_map(Part::name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two of its segments have one name".to_owned());
        }
        Ok(Self { ocs, parts })
    }

    /// The named segments, if the decoded segments behind the instance fit.
    pub(super) fn fit(&self, segments: &[String]) -> Option<Vec<(String, String)>> {
        let mut params = Vec::new();
        let mut left = segments;
        for part in &self.parts {
            if let Part::Rest(name) = part {
                // One with a slash inside could not be told from two.
                let plain = left.iter().all(|segment| !segment.contains('/'));
                return plain.then(|| {
                    params.push((name.clone(), left.join("/")));
                    params
                });
            }
            let (segment, rest) = left.split_first()?;
            match part {
                Part::Any(name) if !segment.is_empty() => {
                    params.push((name.clone(), segment.clone()));
                }
                Part::Text(text) if text == segment => {}
                _ => return None,
            }
            left = rest;
        }
        left.is_empty().then_some(params)
    }
}

impl Part {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Any(name) | Self::Rest(name) => Some(name),
        }
    }
}

fn part(segment: &str) -> Result<Part, String> {
    let Some(inner) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~@:+,=!$&'()".contains(&b);
        let good = segment.bytes().all(plain) && segment != "." && segment != "..";
        return match good {
            true => Ok(Part::Text(segment.to_owned())),
            false => Err(format!("{segment:?} is no segment of a path")),
        };
    };
    let (name, rest) = inner.strip_suffix('*').map_or((inner, false), |name| (name, true));
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(format!("{segment:?} is no name in braces"));
    }
    Ok(if rest { Part::Rest(name.to_owned()) } else { Part::Any(name.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_outside_of_the_instance_are_refused() {
        for (pattern, good) in [
            ("/apps/hello", true),
            ("/apps/hello/", true),
            ("/apps/hello/a/{id}/b", true),
            ("/ocs/v2.php/apps/hello/{rest*}", true),
            ("/apps/hello2/a", false),
            ("/apps/hell", false),
            ("/apps/", false),
            ("/remote.php/dav/{rest*}", false),
            ("/ocs/v1.php/apps/hello/a", false),
            ("/ocs/v2.php/cloud/users", false),
            ("apps/hello/a", false),
            ("/apps/hello/../other", false),
            ("/apps/hello/{rest*}/a", false),
            ("/apps/hello/{a}/{a}", false),
            ("/apps/hello/{}", false),
            ("/apps/hello/{a b}", false),
            ("/apps/hello/a b", false),
            ("/apps/hello/a?b", false),
            ("/apps/hello/%61", false),
        ] {
            assert_eq!(Pattern::parse(pattern, "hello").is_ok(), good, "{pattern}");
        }
    }

    #[test]
    fn paths_fit_patterns_segment_by_segment() {
        for (pattern, path, expected) in [
            ("a", &["a"][..], Some(&[][..])),
            ("a", &["a", ""], None),
            ("a/", &["a", ""], Some(&[])),
            ("a", &["b"], None),
            ("a", &[], None),
            ("", &[], Some(&[])),
            ("", &["a"], None),
            ("{id}", &["7"], Some(&[("id", "7")])),
            ("{id}", &["a/b"], Some(&[("id", "a/b")])),
            ("{id}", &[""], None),
            ("{a}/x/{b}", &["1", "x", "2"], Some(&[("a", "1"), ("b", "2")])),
            ("f/{rest*}", &["f", "a", "b"], Some(&[("rest", "a/b")])),
            ("f/{rest*}", &["f"], Some(&[("rest", "")])),
            ("f/{rest*}", &["f", "a/b"], None),
        ] {
            let pattern = Pattern::parse(&format!("/apps/x/{pattern}"), "x").unwrap();
            let segments: Vec<String> = path.iter().map(|&segment| segment.to_owned()).collect();
            let expected = expected.map(|params| {
                params.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect::<Vec<_>>()
            });
            assert_eq!(pattern.fit(&segments), expected, "{pattern:?} {path:?}");
        }
    }
}
