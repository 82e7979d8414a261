//! What a row of a montage shows.

/// One row of a montage. All rows have the same shape.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What the row shows, such as `original` or `view 1`.
    pub name: &'a str,
    /// Voxels in C order; the ends of the display's window are shown black and white, NaN black.
    pub values: &'a [f32],
    /// Labels of the same voxels, laid over the grey values in colour.
    pub labels: Option<&'a [u8]>,
}

impl<'a> From<(&'a str, &'a [f32])> for Row<'a> {
    fn from((name, values): (&'a str, &'a [f32])) -> Row<'a> {
        Row {
            name,
            values,
            labels: None,
        }
    }
}
