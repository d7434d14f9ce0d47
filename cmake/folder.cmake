# rn_folder(NAME SOURCES ... PUBLIC ... LINK ...)
#
# One folder of the house as one static library. Its public headers are linked into a directory of their own under the
# build tree, and only that directory is exported: #include "store/store.h" compiles where rn_store is linked and
# nowhere else, and a private header cannot be reached from another folder at all.
function(rn_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;LINK;LIBRARIES" ${ARGN})
  set(room ${CMAKE_BINARY_DIR}/public/${name})
  file(REMOVE_RECURSE ${room})
  file(MAKE_DIRECTORY ${room}/${name})
  foreach(header ${ARG_PUBLIC})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${room}/${name}/${header} SYMBOLIC)
  endforeach()
  add_library(rn_${name} STATIC ${ARG_SOURCES})
  target_include_directories(rn_${name} PUBLIC ${room})
  list(TRANSFORM ARG_LINK PREPEND rn_)
  target_link_libraries(rn_${name} PUBLIC ${ARG_LINK} PRIVATE ${ARG_LIBRARIES})
endfunction()
