x:
	echo
