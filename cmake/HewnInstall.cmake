# cmake --install: the program with its manual page and completions, and the libraries with headers and a
# CMake package: `find_package(hewn)` provides the target hewn::hewn and #include <hewn/hewn.h>. Headers keep
# their paths below include/hewn: #include "core/tensor.h".
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(hewn_package INTERFACE)
set_target_properties(hewn_package PROPERTIES EXPORT_NAME hewn)
target_link_libraries(hewn_package INTERFACE hewn_train)
target_compile_features(hewn_package INTERFACE cxx_std_20)
add_library(hewn::hewn ALIAS hewn_package)

# <hewn/hewn.h>, for the package and for the examples in this tree.
set(hewn_public_headers ${PROJECT_BINARY_DIR}/include)
file(CONFIGURE OUTPUT ${hewn_public_headers}/hewn/hewn.h CONTENT "#pragma once\n#include \"train/hewn.h\"\n")
target_include_directories(hewn_package INTERFACE $<BUILD_INTERFACE:${hewn_public_headers}>
                                                  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
set(headers ${CMAKE_INSTALL_INCLUDEDIR}/hewn)
install(FILES ${hewn_public_headers}/hewn/hewn.h DESTINATION ${headers})
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/hewn)
foreach(library core kernels model step files train)
  set_target_properties(hewn_${library} PROPERTIES EXPORT_NAME ${library})
  install(TARGETS hewn_${library} EXPORT hewn INCLUDES DESTINATION ${headers})
endforeach()
foreach(layer core kernels model train)
  install(DIRECTORY ${layer} DESTINATION ${headers} FILES_MATCHING PATTERN "*.h")
endforeach()
install(TARGETS hewn_package EXPORT hewn)
install(EXPORT hewn NAMESPACE hewn:: FILE hewnTargets.cmake DESTINATION ${package})
configure_package_config_file(cmake/hewnConfig.cmake.in hewnConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(hewnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hewnConfig.cmake ${PROJECT_BINARY_DIR}/hewnConfigVersion.cmake
              cmake/FindUtf8proc.cmake DESTINATION ${package})

install(FILES README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.cpp")

if(TARGET hewn)
  install(TARGETS hewn)
  if(TARGET hewn_mpi)
    install(TARGETS hewn_mpi DESTINATION lib/hewn)
  endif()
  install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/hewn)
  set(generated ${PROJECT_BINARY_DIR}/apps/generated)
  install(FILES ${generated}/hewn.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${generated}/reference.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
  install(FILES ${generated}/hewn.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hewn)
  install(FILES ${generated}/_hewn DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${generated}/hewn.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
