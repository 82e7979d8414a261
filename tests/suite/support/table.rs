//! The specification's tables of parameters.

use crate::support::spec;
use hounsfield::weights::{Named, ParameterInfo, describe};

/// A parameter of the original.
pub(crate) struct Row {
    pub(crate) info: ParameterInfo,
    /// Whether it is registered and never used.
    pub(crate) unused: bool,
    /// Kinds of versions of MONAI that have it.
    pub(crate) versions: Vec<String>,
}

/// The rows of a table.
pub(crate) fn rows(name: &str) -> Vec<Row> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let sizes = fields[1].split('x');
        Row {
            info: ParameterInfo {
                name: fields[0].to_owned(),
                shape: sizes.map(|size| size.parse().expect("a size")).collect(),
            },
            unused: fields[4] == "unused",
            versions: fields[5].split(',').map(str::to_owned).collect(),
        }
    };
    spec(name).lines().skip(1).map(row).collect()
}

/// The network's parameters are those that the original uses.
pub(crate) fn assert_parameters<N: Named>(network: &N, table: &str) {
    let sorted = |mut parameters: Vec<ParameterInfo>| {
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        parameters
    };
    let used = rows(table).into_iter().filter(|row| !row.unused);
    let expected = sorted(used.map(|row| row.info).collect());
    assert_eq!(sorted(describe(network)), expected);
}
