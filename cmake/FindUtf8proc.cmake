# Utf8proc::Utf8proc: the static library if installed, so that programs have no run-time dependency.
find_library(Utf8proc_LIBRARY NAMES libutf8proc.a utf8proc)
find_path(Utf8proc_INCLUDE_DIR utf8proc.h)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Utf8proc REQUIRED_VARS Utf8proc_LIBRARY Utf8proc_INCLUDE_DIR
                                  REASON_FAILURE_MESSAGE "Debian has it in libutf8proc-dev")
mark_as_advanced(Utf8proc_LIBRARY Utf8proc_INCLUDE_DIR)
if(Utf8proc_FOUND AND NOT TARGET Utf8proc::Utf8proc)
  add_library(Utf8proc::Utf8proc UNKNOWN IMPORTED)
  set_target_properties(Utf8proc::Utf8proc PROPERTIES IMPORTED_LOCATION ${Utf8proc_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${Utf8proc_INCLUDE_DIR})
  if(Utf8proc_LIBRARY MATCHES "\\.a$")
    set_target_properties(Utf8proc::Utf8proc PROPERTIES INTERFACE_COMPILE_DEFINITIONS UTF8PROC_STATIC)
  endif()
endif()
