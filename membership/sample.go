package membership

// sample appends up to k different places out of 0 to n−1 to a list, each as likely as any other among those that
// pass. Below draws a number from 0 to below its argument, all alike likely. Few draws hit somebody that was drawn
// before or does not pass; after four times as many as are wanted what there is has to do, which favours nobody.
func sample(below func(int) int, n, k int, passes func(int) bool, list []int) []int {
	first := len(list)
	if 2*k < n {
		for tries := 0; tries < 4*k && len(list) < first+k; tries++ {
			if i := below(n); !among(list[first:], i) && passes(i) {
				list = append(list, i)
			}
		}
		return list
	}
	for i := range n {
		if passes(i) {
			list = append(list, i)
		}
	}
	open := list[first:]
	for i := range min(k, len(open)) { // Fisher and Yates
		j := i + below(len(open)-i)
		open[i], open[j] = open[j], open[i]
	}
	return list[:first+min(k, len(open))]
}

func among(list []int, i int) bool {
	for _, other := range list {
		if other == i {
			return true
		}
	}
	return false
}
