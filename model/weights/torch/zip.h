#pragma once
// Zip archives with uncompressed files (PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 4.3).

#include <map>
#include <string_view>

namespace hewn {

/// The files of an archive, by name, as parts of its bytes. Supports zip64. Throws ErrorCode::input with the
/// reason if the archive is damaged or split, a file is compressed or encrypted, or two files have the same
/// name or overlap. Does not verify checksums, which would read the whole archive.
std::map<std::string_view, std::string_view> read_zip(std::string_view archive);

}  // namespace hewn
