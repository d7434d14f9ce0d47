# rn_folder(NAME SOURCES ... PUBLIC ... LINK ... [ROOMS ...])
#
# One folder of the house as one static library. Its public headers are linked into a directory of their own under the
# build tree, and only that directory is exported: #include "store/store.h" compiles where rn_store is linked and
# nowhere else, and a private header cannot be reached from another folder at all. A large folder has rooms, sub-folders
# that share its private headers.
function(rn_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;LINK;LIBRARIES;ROOMS" ${ARGN})
  set(room ${CMAKE_BINARY_DIR}/public/${name})
  file(REMOVE_RECURSE ${room})
  file(MAKE_DIRECTORY ${room}/${name})
  foreach(header ${ARG_PUBLIC})
    get_filename_component(face ${header} NAME)
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${room}/${name}/${face} SYMBOLIC)
  endforeach()
  add_library(rn_${name} STATIC ${ARG_SOURCES})
  target_include_directories(rn_${name} PUBLIC ${room})
  foreach(part ${ARG_ROOMS})
    target_include_directories(rn_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${part})
  endforeach()
  list(TRANSFORM ARG_LINK PREPEND rn_)
  target_link_libraries(rn_${name} PUBLIC ${ARG_LINK} PRIVATE ${ARG_LIBRARIES})
endfunction()
