#pragma once
// Which upconv this is, for the preprocessor: that of CMake's project(upconv VERSION ...), as configuring makes sure.

/// Raised where programs must be changed to go on compiling; while it is 0, the minor version may be too.
#define UPCONV_VERSION_MAJOR 0
/// Raised with what is new.
#define UPCONV_VERSION_MINOR 1
/// Raised with what is mended.
#define UPCONV_VERSION_PATCH 0
/// The three, with dots between them.
#define UPCONV_VERSION "0.1.0"
