#pragma once
// Zip archives whose files are stored as they are (PKWARE, "APPNOTE.TXT - .ZIP File Format
// Specification", 4.3).

#include <map>
#include <string_view>

namespace hewn {

/// The files of an archive, by name, as parts of its bytes. Takes zip64. Throws ErrorCode::input with the
/// reason where the archive is damaged or in parts, a file is compressed or encrypted, two have one name, or
/// two overlap. Checksums are not compared, for that would read all of it.
std::map<std::string_view, std::string_view> read_zip(std::string_view archive);

}  // namespace hewn
