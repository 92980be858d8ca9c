# cmake --install: the program with its manual page and completions, and the libraries with headers and a package,
# so that `find_package(hewn)` gives others the target hewn::hewn. Headers keep their paths: #include "core/tensor.h".
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(hewn_package INTERFACE)
set_target_properties(hewn_package PROPERTIES EXPORT_NAME hewn)
target_link_libraries(hewn_package INTERFACE hewn_train)
target_compile_features(hewn_package INTERFACE cxx_std_20)
add_library(hewn::hewn ALIAS hewn_package)

set(headers ${CMAKE_INSTALL_INCLUDEDIR}/hewn)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/hewn)
foreach(layer core kernels model train)
  set_target_properties(hewn_${layer} PROPERTIES EXPORT_NAME ${layer})
  install(TARGETS hewn_${layer} EXPORT hewn INCLUDES DESTINATION ${headers})
  install(DIRECTORY ${layer} DESTINATION ${headers} FILES_MATCHING PATTERN "*.h")
endforeach()
install(TARGETS hewn_package EXPORT hewn)
install(EXPORT hewn NAMESPACE hewn:: FILE hewnTargets.cmake DESTINATION ${package})
configure_package_config_file(cmake/hewnConfig.cmake.in hewnConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(hewnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hewnConfig.cmake ${PROJECT_BINARY_DIR}/hewnConfigVersion.cmake
              cmake/FindUtf8proc.cmake DESTINATION ${package})

if(TARGET hewn)
  install(TARGETS hewn)
  set(generated ${PROJECT_BINARY_DIR}/apps/generated)
  install(FILES ${generated}/hewn.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${generated}/hewn.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hewn)
  install(FILES ${generated}/_hewn DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${generated}/hewn.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
