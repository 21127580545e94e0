//! `TOLLGATE_POLICIES`: the policies that the deployment brings, in every namespace.

use std::rc::Rc;

use tollgate_policies::deployed::Deployed;

use super::invalid_setting::InvalidSetting;

/// The setting.
pub const POLICIES: &str = "TOLLGATE_POLICIES";

/// `{"<name>": {…policy…}, …}`; none unless set.
pub(super) fn deployed(text: Option<&str>) -> Result<Rc<Deployed>, InvalidSetting> {
    let deployed = Deployed::parse(text.unwrap_or_default());
    deployed.map(Rc::new).map_err(|why| {
        InvalidSetting::Wrong(format!(
            "The Worker's setting {POLICIES} cannot be used: {why}"
        ))
    })
}
